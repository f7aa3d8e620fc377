package central

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// A running centre holds the file lockName and is asked through the socket
// controlName, both in its data folder: who may open them may do what its
// commands do.
const (
	lockName    = "centre.lock"
	controlName = "control.sock"
)

var errRunning = errors.New("another centre runs on this folder: stop it first")

// lock takes the data folder for this process until the file is closed, which
// the kernel does when the process ends in whatever way.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errRunning
		}
		return nil, errors.Join(fmt.Errorf("data_dir: %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// inFolder calls use with a short name of a file in dir: the name of a socket
// has a hundred bytes at most.
func inFolder(dir, name string, use func(short string) error) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name))
}

// listenControl opens the socket, for the owner alone.
func listenControl(dir string) (ln net.Listener, err error) {
	name := filepath.Join(dir, controlName)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) { // of a run that was killed
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	err = inFolder(dir, controlName, func(short string) error {
		u, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		if err != nil {
			return err
		}
		u.SetUnlinkOnClose(false) // the short name has no meaning by then
		ln = u
		return os.Chmod(name, 0o600)
	})
	if err != nil {
		return ln, fmt.Errorf("data_dir: control socket: %w", err)
	}
	return ln, nil
}

// askControl is a client of the centre that runs on dir.
func askControl(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = inFolder(dir, controlName, func(short string) error {
			conn, err = new(net.Dialer).DialContext(ctx, "unix", short)
			return err
		})
		return conn, err
	}}}
}

// newControl serves the centre's commands.
func (s *Server) newControl(version string) *http.Server {
	var one sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		if !one.TryLock() {
			http.Error(w, "another backup is under way", http.StatusConflict)
			return
		}
		defer one.Unlock()
		b := &backup{cfg: s.cfg, version: version, ledger: s.ledger, store: s.store}
		if err := b.prepare(r.Context()); err != nil {
			s.log.Error("backup not made", "err", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := b.send(w); err != nil {
			s.log.Error("backup not taken", "err", err)
			panic(http.ErrAbortHandler) // who takes it must not think it whole
		}
		s.log.Info("backup made")
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout}
}
