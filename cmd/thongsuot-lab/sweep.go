package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"thongsuot/cmd/internal/program"
	lab "thongsuot/lab/real"
)

// sweep removes what the run of a process leaves, once standard input is at its
// end. The lab itself starts it.
func sweep(ctx context.Context, args []string, stderr io.Writer) int {
	if len(args) != 1 {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("sweep: want the number of one process (got %q)", args))
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil || pid < 1 {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("sweep: want the number of one process (got %q)", args[0]))
	}
	if err := lab.Sweep(ctx, pid, os.Stdin); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}
