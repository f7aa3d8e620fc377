package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
)

// backup copies what the centre knows, while it runs.
func backup(ctx context.Context, cfg central.Config, out string, stdout, stderr io.Writer) int {
	if out == "" {
		return program.Fail(stderr, program.ExitConfig, errors.New("backup: want -out DIR"))
	}
	if err := central.Backup(ctx, cfg, version, out, program.Log(stderr)); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "%s holds the backup; it holds keys too: keep it as you keep the data folder\n", out)
	return program.ExitOK
}

// restore makes a data folder of a backup.
func restore(cfg central.Config, from string, stdout, stderr io.Writer) int {
	if from == "" {
		return program.Fail(stderr, program.ExitConfig, errors.New("restore: want -from DIR"))
	}
	done, err := central.Restore(cfg, from)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "restored to %s as it was at %s\n", cfg.DataDir, done.At.Local().Format(time.DateTime))
	if !done.Samples {
		fmt.Fprintf(stdout, "samples are not in this backup: they are in the engine that kept them\n")
	}
	if len(done.Kept) > 0 {
		fmt.Fprintf(stdout, "the registry was there already and stays as it is: %s\n", strings.Join(done.Kept, ", "))
	}
	return program.ExitOK
}
