package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// server is a program that serves on loopback.
type server struct {
	name string
	cmd  *exec.Cmd
	log  tail
	done chan struct{}
}

// startServer starts a program and waits until it answers at the address. The
// kernel ends it with the thread that started it, so none outlives a killed
// bench.
func startServer(ctx context.Context, ready string, path string, args ...string) (*server, error) {
	s := &server{name: filepath.Base(path), cmd: exec.Command(path, args...), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		started <- s.cmd.Start()
		if s.cmd.Process != nil {
			_ = s.cmd.Wait() // how it ended is seen in its log
		}
		close(s.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	if err := answers(ctx, http.DefaultClient, ready); err != nil {
		s.kill()
		return nil, fmt.Errorf("%s: %w: its log ends:\n%s", s.name, err, &s.log)
	}
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// endTime is what a server is given to end by itself.
const endTime = time.Minute

// end asks the server to end and waits for it.
func (s *server) end() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // ended already
	limit := time.NewTimer(endTime)
	defer limit.Stop()
	select {
	case <-s.done:
		return nil
	case <-limit.C:
		s.kill()
		return fmt.Errorf("%s did not end within %s: its log ends:\n%s", s.name, endTime, &s.log)
	}
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill() // ended already
	<-s.done
}

// quietFor is how long a server must be nearly idle to count as done, and
// quietWait how long that is waited for.
const (
	quietFor  = 3 * time.Second
	quietWait = 2 * time.Minute
)

// rest waits until the server has done what its work left behind: merges and
// compactions are part of what a sample costs.
func (s *server) rest(ctx context.Context) (time.Duration, error) {
	limit := time.Now().Add(quietWait)
	for {
		before, err := cpu("/proc", s.pid())
		if err != nil {
			return before, fmt.Errorf("%s has ended: %w: its log ends:\n%s", s.name, err, &s.log)
		}
		if err := wait(ctx, quietFor); err != nil {
			return before, err
		}
		after, err := cpu("/proc", s.pid())
		if err != nil || after-before < quietFor/10 || time.Now().After(limit) {
			return after, err
		}
	}
}

// tail keeps the end of what a program says. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const keptText = 4 << 10

// Write takes in what a program says.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-keptText):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// freeAddr is a loopback address that was free just now.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// weigh is the size of all files below a folder.
func weigh(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // merged away in this moment
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return nil
	})
	return total, err
}
