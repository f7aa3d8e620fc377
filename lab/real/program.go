package real

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// endTime is what a program is given to end by itself.
const endTime = 15 * time.Second

// launcher starts programs, all from one thread that lives as long as the run:
// the kernel ends them with that thread, so none outlives a killed lab.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

func (l *launcher) close() { close(l.jobs) }

// program is a running program of a namespace.
type program struct {
	name string
	cmd  *exec.Cmd
	log  *journal
	done chan struct{} // closed when it has ended
	err  error         // of the end
}

// start runs args in the namespace, in a mount namespace of its own, after the
// shell commands of prepare.
func (l *launcher) start(at space, name string, log *journal, env []string, prepare string, args ...string) (*program, error) {
	shell := []string{"netns", "exec", at.name, "sh", "-c", prepare + ` exec "$@"`, "sh"}
	p := &program{name: name, cmd: exec.Command("ip", append(shell, args...)...), log: log, done: make(chan struct{})}
	p.cmd.Env = append(cleanEnv(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.WaitDelay = time.Second
	// A group of its own: Ctrl-C is for the lab, which ends things in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	l.jobs <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// cleanEnv is this process's environment without variables that set fields of
// the programs.
func cleanEnv() (env []string) {
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "THONGSUOT_") {
			env = append(env, kv)
		}
	}
	return env
}

func (p *program) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %w: its log ends:\n%s", p.name, err, p.log)
	}
	return nil
}

func (p *program) stop() error { return p.signal(syscall.SIGSTOP) }
func (p *program) cont() error { return p.signal(syscall.SIGCONT) }

// kill ends the program as a power cut does.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // ended already
	<-p.done
}

// end asks the program to end and waits for it.
func (p *program) end(ctx context.Context) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	limit := time.NewTimer(endTime)
	defer limit.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: unclean end: %w: its log ends:\n%s", p.name, p.err, p.log)
		}
		return nil
	case <-limit.C:
		p.kill()
		return fmt.Errorf("%s: did not end within %s: its log ends:\n%s", p.name, endTime, p.log)
	case <-ctx.Done():
		p.kill()
		return ctx.Err()
	}
}

// journal is the end of a program's log, which can be waited on, and the whole
// of it in a file when there is one.
type journal struct {
	whole io.Writer // nil keeps no more than the end

	mu    sync.Mutex
	lines []string
	rest  []byte
	more  chan struct{} // closed when there are new lines
}

const keptLines = 60

func newJournal(whole io.Writer) *journal { return &journal{whole: whole, more: make(chan struct{})} }

// Write takes in what a program says.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.whole != nil {
		_, _ = j.whole.Write(b) // the copy is for people; the run goes on without
	}
	j.rest = append(j.rest, b...)
	for {
		line, rest, found := bytes.Cut(j.rest, []byte("\n"))
		if !found {
			break
		}
		j.lines, j.rest = append(j.lines, string(line)), rest
		close(j.more)
		j.more = make(chan struct{})
	}
	j.lines = j.lines[max(0, len(j.lines)-keptLines):]
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// logged waits until the program has logged a line that matches.
func (p *program) logged(ctx context.Context, pattern *regexp.Regexp) error {
	for {
		p.log.mu.Lock()
		more, text := p.log.more, strings.Join(p.log.lines, "\n")
		p.log.mu.Unlock()
		if pattern.MatchString(text) {
			return nil
		}
		select {
		case <-more:
		case <-p.done:
			return fmt.Errorf("%s ended early (%v): its log ends:\n%s", p.name, p.err, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s never logged %s: %w: its log ends:\n%s", p.name, pattern, ctx.Err(), p.log)
		}
	}
}
