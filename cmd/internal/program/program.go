package program

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of the programs.
const (
	ExitOK     = 0
	ExitFailed = 1 // it started and failed
	ExitConfig = 2 // the command line or the configuration is wrong
)

// Main runs run until it is done or a signal asks for the end.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Log makes the program's log: text with the time, to w.
func Log(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}

// Fail prints an error for a person and returns code.
func Fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintln(stderr, "error:", err)
	return code
}
