package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"thongsuot/cmd/internal/program"
	"thongsuot/lab/demo"
)

// runDemo shows a simulated province until a signal asks for the end.
func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg := demo.DefaultConfig()
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&cfg.Centre.Pages.Listen, "pages", cfg.Centre.Pages.Listen, "address of the pages")
	flags.StringVar(&cfg.Centre.Ingest.Listen, "ingest", cfg.Centre.Ingest.Listen, "address at which the simulated agents write and beat")
	flags.StringVar(&cfg.Centre.DataDir, "dir", cfg.Centre.DataDir, "folder of the simulated data; wiped at each start")
	flags.StringVar(&cfg.Units, "registry", cfg.Units, "folder of the registry whose units are simulated")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "of all that is made up")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return program.ExitOK
	case err != nil || flags.NArg() > 0:
		return program.ExitConfig
	}
	address := "http://" + cfg.Centre.Pages.Listen + "/"
	fmt.Fprintf(stdout, `
  %s

  Mọi số liệu là MÔ PHỎNG. Đang tạo một tháng lịch sử của các xã, phường, đặc khu, khoảng nửa phút …
  All data are SIMULATED. Making a month of history, about half a minute …

`, address)
	begin := time.Now()
	d, err := demo.New(ctx, cfg, version)
	if ctx.Err() != nil {
		return program.ExitOK
	}
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, `  Sẵn sàng / ready (%.0f s, %d samples): %s
  Nhật ký / log:                %s
  Dừng / stop:                  Ctrl-C

`, time.Since(begin).Seconds(), d.Loaded, address, d.LogFile())
	if err := d.Run(ctx); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}
