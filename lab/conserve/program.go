package conserve

import (
	"bufio"
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

const keptLines = 30 // of a program's log

// program is a running program of ours.
type program struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of the end

	mu    sync.Mutex
	lines []string // the end of its log
	said  []string // what its line of readiness held; nil before
	ready chan struct{}
}

// start runs a program and notices the line that says that it works.
func start(file string, readiness *regexp.Regexp, args ...string) (*program, error) {
	p := &program{name: file[strings.LastIndexByte(file, '/')+1:], cmd: exec.Command(file, args...), done: make(chan struct{}), ready: make(chan struct{})}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "THONGSUOT_") {
			p.cmd.Env = append(p.cmd.Env, kv)
		}
	}
	// A group of its own: Ctrl-C is for the lab, which ends things in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.follow(stderr, readiness)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *program) follow(log io.Reader, readiness *regexp.Regexp) {
	for s := bufio.NewScanner(log); s.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, s.Text())
		p.lines = p.lines[max(0, len(p.lines)-keptLines):]
		if p.said == nil {
			if p.said = readiness.FindStringSubmatch(s.Text()); p.said != nil {
				close(p.ready)
			}
		}
		p.mu.Unlock()
	}
}

// works waits until the program is ready and returns what it said.
func (p *program) works(ctx context.Context) ([]string, error) {
	select {
	case <-p.ready:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.said, nil
	case <-p.done:
		return nil, fmt.Errorf("%s ended early (%w); its log ends:\n%s", p.name, p.err, p.log())
	case <-ctx.Done():
		return nil, fmt.Errorf("%s is not ready: %w; its log ends:\n%s", p.name, ctx.Err(), p.log())
	}
}

func (p *program) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// kill ends the program at once.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // ended already
	<-p.done
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launcher does jobs in one thread that ends with the channel: the kernel ends
// the programs that were started in it then, so none outlives a killed lab.
func launcher(jobs <-chan func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for job := range jobs {
		job()
	}
}
