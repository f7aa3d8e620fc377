package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ext4 is a file system of its own in a file, as Debian makes it: with a
// journal, blocks of 4 KiB, and its journal written every five seconds. What
// reaches its block device is what a small machine's card would have to bear.
type ext4 struct {
	dir  string // where it is mounted
	loop string // "loop3"
}

// diskSize is large enough for mkfs to choose what it chooses for real disks.
const diskSize = 1 << 30

func newExt4(ctx context.Context, dir string) (*ext4, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("root is needed to mount a disk")
	}
	image := filepath.Join(dir, "disk.img")
	f, err := os.Create(image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(diskSize), f.Close()); err != nil {
		return nil, err
	}
	// All tables at once: the kernel would write them later, as if the agent did.
	if out, err := exec.CommandContext(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	out, err := exec.CommandContext(ctx, "losetup", "-f", "--show", image).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("losetup: %w: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	d := &ext4{dir: filepath.Join(dir, "disk"), loop: filepath.Base(device)}
	if err := errors.Join(os.Mkdir(d.dir, 0o755), unix.Mount(device, d.dir, "ext4", unix.MS_RELATIME, "")); err != nil {
		return nil, errors.Join(fmt.Errorf("mount %s: %w", device, err), d.detach())
	}
	return d, nil
}

// written is the number of bytes that went to the device so far.
func (d *ext4) written() (int64, error) {
	stat, err := os.ReadFile(filepath.Join("/sys/block", d.loop, "stat"))
	if err != nil {
		return 0, err
	}
	return sectors(string(stat))
}

func (d *ext4) remove() error {
	if err := unix.Unmount(d.dir, 0); err != nil {
		_ = unix.Unmount(d.dir, unix.MNT_DETACH) // the first error tells more
		return errors.Join(fmt.Errorf("unmount %s: %w", d.dir, err), d.detach())
	}
	return d.detach()
}

func (d *ext4) detach() error {
	if out, err := exec.Command("losetup", "-d", "/dev/"+d.loop).CombinedOutput(); err != nil {
		return fmt.Errorf("losetup -d %s: %w: %s", d.loop, err, out)
	}
	return nil
}
