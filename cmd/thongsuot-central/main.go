// Command thongsuot-central is the centre of a province: it takes in what
// agents measure, stores it, decides what is wrong, tells people and shows
// pages.
package main

import (
	"context"
	"flag"
	"io"
	"os"
	_ "time/tzdata" // machines without zone data

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
)

// version is set by the build.
var version = "dev"

const envPrefix = "THONGSUOT_CENTRAL_"

const usage = `thongsuot-central is the centre of a province.

usage: thongsuot-central COMMAND [-config FILE]

  run            take in, store, decide, tell and show until told to stop
  check-config   say whether the configuration and the registry can work
  token SITE     make a token that opens the data of one site; -out FILE
                 writes it there instead of printing it
  revoke SITE    make every token of one site worthless; -reader NAME that of
                 a reader
  reader NAME    make a token that reads all series by the query API, for a
                 program such as Grafana; -out FILE as above
  backup         copy samples, ledger and registry into the new folder -out DIR
                 while the centre runs, or when it does not
  restore        make the data of the backup -from DIR where there are none
  grafana        write dashboards and provisioning for Grafana below -out DIR;
                 -url is the centre's query API as Grafana reaches it, or with
                 -influx ORG/BUCKET that of an InfluxDB 2
  window add     announce a failure: -sites "CODE …" or all, -cause, -start,
                 -end "2026-11-25 07:30", -source, -reason
  window list    what is announced; window remove ID takes it back
  correct ID     keep what an incident was: -cause, -note, -who; none is
                 that nothing was wrong
  backtest       what other rules of detection would have made of the history:
                 -from DAY -to DAY -rules FILE -data DIR, -json
  matrix         how causes that were concluded compare with those that people
                 said; -days N, -json
  report         write a report for planners into the folder -out DIR, on the
                 days -from DAY -to DAY, as -format pdf,xlsx,csv,html; -costs
                 FILE holds the prices of upgrades
  alert preview  print what each kind of reader would read of each kind of
                 incident; -lang vi or en
  alert test RECEIVER
                 send one test message to a receiver of the configuration, or
                 to chair/SITE/N, the N-th contact of a site
  version        print the version

Without -config, defaults and THONGSUOT_CENTRAL_… variables hold.
A running centre reads its registry again when a file changed, or at SIGHUP.
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out, reader, from, language := "", "", "", ""
	var boards grafanaFlags
	var announced windowFlags
	var truth truthFlags
	var accuracy matrixFlags
	var planned reportFlags
	var tried backtestFlags
	p := program.Program{
		Name: "thongsuot-central", Version: version, Usage: usage,
		Commands: []string{"run", "check-config", "token", "reader", "revoke", "backup", "restore", "grafana", "window", "correct", "matrix", "backtest", "report", "alert"},
		Flags: func(command string, flags *flag.FlagSet) {
			switch command {
			case "token", "reader":
				flags.StringVar(&out, "out", "", "file for the token")
			case "backup":
				flags.StringVar(&out, "out", "", "folder to make")
			case "restore":
				flags.StringVar(&from, "from", "", "folder of the backup")
			case "window":
				announced.register(flags)
			case "correct":
				truth.register(flags)
			case "matrix":
				accuracy.register(flags)
			case "backtest":
				tried.register(flags)
			case "grafana":
				boards.register(flags)
			case "revoke":
				flags.StringVar(&reader, "reader", "", "name of a reader")
			case "alert":
				flags.StringVar(&language, "lang", "", "vi or en")
			case "report":
				planned.register(flags)
			}
		},
	}
	line, code, ok := p.Parse(args, stdout, stderr)
	if !ok {
		return code
	}
	if line.Command == "grafana" {
		return boards.write(stderr)
	}
	cfg := central.DefaultConfig()
	if err := program.Load(line.Config, os.Environ(), envPrefix, &cfg); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	switch line.Command {
	case "alert":
		return alert(ctx, cfg, line.Args, language, stdout, stderr)
	case "run":
		return serve(ctx, cfg, stderr)
	case "check-config":
		return check(cfg, stdout, stderr)
	case "backup":
		return backup(ctx, cfg, out, stdout, stderr)
	case "restore":
		return restore(cfg, from, stdout, stderr)
	case "window":
		return windows(ctx, cfg, announced, line.Args, stdout, stderr)
	case "correct":
		return correct(ctx, cfg, truth, line.Args, stdout, stderr)
	case "matrix":
		return matrix(ctx, cfg, accuracy, stdout, stderr)
	case "report":
		return report(ctx, cfg, planned, stdout, stderr)
	case "backtest":
		return backtest(ctx, cfg, tried, stdout, stderr)
	case "reader":
		return makeReader(ctx, cfg, line.Args, out, stdout, stderr)
	case "revoke":
		if reader != "" {
			return revokeReader(ctx, cfg, reader, stdout, stderr)
		}
		return revoke(ctx, cfg, line.Args, stdout, stderr)
	default:
		return token(ctx, cfg, line.Args, out, stdout, stderr)
	}
}
