package real

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Places of the province on the one network that its carriers share.
const (
	centreAddr    = "10.80.0.1"
	portalAddr    = "10.80.0.2"
	referenceAddr = "10.80.0.3"
	namesAddr     = "10.80.0.53" // the province's own resolver
	liarsAddr     = "10.66.0.66" // where a lying resolver sends people; nothing listens
)

// space is a network namespace by its name.
type space struct{ name string }

// spaceName and dirName carry the process number of the run that made them.
var (
	spaceName = regexp.MustCompile(`^tslab([0-9]+)-[a-z0-9]+$`)
	dirName   = regexp.MustCompile(`^thongsuot-lab-([0-9]+)$`)
)

func newSpace(ctx context.Context, name string) (space, error) {
	s := space{fmt.Sprintf("tslab%d-%s", os.Getpid(), name)}
	if err := run(ctx, "ip", "netns", "add", s.name); err != nil {
		return s, err
	}
	if err := s.ip(ctx, "link set lo up"); err != nil {
		return s, err
	}
	return s, s.within(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}

// ip runs commands of ip(8) in the namespace, one a line.
func (s space) ip(ctx context.Context, commands ...string) error {
	return feed(ctx, strings.Join(commands, "\n")+"\n", "ip", "-n", s.name, "-batch", "-")
}

// nft loads rules in the namespace.
func (s space) nft(ctx context.Context, rules string) error {
	return feed(ctx, rules, "ip", "netns", "exec", s.name, "nft", "-f", "-")
}

// within runs f on a thread that stands in the namespace, so that sockets made
// by f itself belong there.
func (s space) within(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		fd, err := unix.Open("/run/netns/"+s.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Setns(fd, unix.CLONE_NEWNET), unix.Close(fd))
		}
		if err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", s.name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

func (s space) listen(addr string) (ln net.Listener, err error) {
	err = s.within(func() error { ln, err = net.Listen("tcp", addr); return err })
	return ln, err
}

// dial connects from within the namespace; addr must be a literal address.
func (s space) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	err = s.within(func() error { conn, err = new(net.Dialer).DialContext(ctx, network, addr); return err })
	return conn, err
}

// wire lays a cable between two namespaces.
func wire(ctx context.Context, a space, deviceA, addrA string, b space, deviceB, addrB string) error {
	err := run(ctx, "ip", "link", "add", deviceA, "netns", a.name, "type", "veth", "peer", "name", deviceB, "netns", b.name)
	return errors.Join(err,
		a.ip(ctx, "address add "+addrA+" dev "+deviceA, "link set "+deviceA+" up"),
		b.ip(ctx, "address add "+addrB+" dev "+deviceB, "link set "+deviceB+" up"))
}

func run(ctx context.Context, args ...string) error { return feed(ctx, "", args...) }

func feed(ctx context.Context, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// dead reports whether a run is this process's or of one that is no more.
func dead(pid int) bool {
	return pid == os.Getpid() || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// sweep removes every namespace, process, mount and folder of the runs that are
// over, by the numbers of their processes.
func sweep(isOver func(pid int) bool) error {
	over := func(pattern *regexp.Regexp, name string) bool {
		m := pattern.FindStringSubmatch(name)
		if m == nil {
			return false
		}
		pid, err := strconv.Atoi(m[1])
		return err == nil && isOver(pid)
	}
	var errs []error
	for _, e := range entries("/run/netns") {
		if over(spaceName, e.Name()) {
			errs = append(errs, dismantle(e.Name()))
		}
	}
	for _, e := range entries(os.TempDir()) {
		if dir := filepath.Join(os.TempDir(), e.Name()); over(dirName, e.Name()) {
			errs = append(errs, unmountBelow(dir), os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

func entries(dir string) []os.DirEntry {
	found, _ := os.ReadDir(dir) // none is none
	return found
}

// dismantle ends what runs in a namespace and removes it.
func dismantle(name string) error {
	file := filepath.Join("/run/netns", name)
	here, err := os.Stat(file)
	if err != nil {
		return nil // gone
	}
	for _, e := range entries("/proc") {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if there, err := os.Stat(filepath.Join("/proc", e.Name(), "ns/net")); err == nil && os.SameFile(here, there) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone already
		}
	}
	if err := run(context.Background(), "ip", "netns", "del", name); err != nil {
		if _, gone := os.Lstat(file); gone == nil {
			return err
		}
	}
	return nil
}

func unmountBelow(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("mounts below %s: %w", dir, err)
	}
	var points []string
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			points = append(points, f[1])
		}
	}
	var errs []error
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// newDisk makes a small disk of its own at dir.
func newDisk(dir string, megabytes int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		return fmt.Errorf("mount a disk of %d MB at %s: %w", megabytes, dir, err)
	}
	return nil
}

const ballast = "ballast"

// fill takes all space of the disk at dir.
func fill(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ballast), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) >= 512; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return fmt.Errorf("fill the disk at %s: %w", dir, err)
		}
	}
	return nil
}

func free(dir string) error { return os.Remove(filepath.Join(dir, ballast)) }
