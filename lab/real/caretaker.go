package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// caretaker is a process that outlives this one, however it ends, and then
// removes what its run made. It knows of the end by a pipe that is closed.
type caretaker struct {
	cmd  *exec.Cmd
	life io.Closer
}

// newCaretaker starts program, the lab's own, as caretaker of this process.
func newCaretaker(program string) (*caretaker, error) {
	cmd := exec.Command(program, "sweep", strconv.Itoa(os.Getpid()))
	cmd.Stderr = os.Stderr
	// A group of its own: Ctrl-C is not for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	life, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the caretaker %s: %w", program, err)
	}
	return &caretaker{cmd, life}, nil
}

// close lets it look once more, and waits for it.
func (c *caretaker) close() error {
	err := errors.Join(c.life.Close(), c.cmd.Wait())
	if err != nil {
		return fmt.Errorf("caretaker: %w", err)
	}
	return nil
}

// Sweep removes every namespace, process, mount and folder of the run of a
// process once life is at its end, or ctx.
func Sweep(ctx context.Context, pid int, life io.Reader) error {
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, life) // any end is the end
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
	return sweep(func(of int) bool { return of == pid })
}
