package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"thongsuot/cmd/internal/program"
	"thongsuot/dashboards/grafana"
)

// grafanaFlags are those of the command that writes what Grafana takes over.
type grafanaFlags struct{ out, url, influx, dashboards string }

func (g *grafanaFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&g.out, "out", "", "folder to write to")
	flags.StringVar(&g.url, "url", "http://127.0.0.1:8086", "address of the data as Grafana reaches it")
	flags.StringVar(&g.influx, "influx", "", "ORG/BUCKET of an InfluxDB 2 that is asked instead of the centre")
	flags.StringVar(&g.dashboards, "dashboards", "", "folder in which Grafana finds the dashboards (default /var/lib/grafana/dashboards/thongsuot)")
}

func (g *grafanaFlags) write(stderr io.Writer) int {
	if g.out == "" {
		return program.Fail(stderr, program.ExitConfig, errors.New("grafana: want -out DIR"))
	}
	o := grafana.Options{URL: g.url, Dashboards: g.dashboards}
	if g.influx != "" {
		ok := false
		if o.Org, o.Bucket, ok = strings.Cut(g.influx, "/"); !ok {
			return program.Fail(stderr, program.ExitConfig, errors.New("grafana: -influx wants ORG/BUCKET"))
		}
		o.Influx = true
	}
	if err := grafana.Write(g.out, o); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}
