package conserve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	imageSize = 640 << 20 // the store reserves some; the file is sparse
	platter   = 192 << 20 // what the image may really take
)

// disk is a file system of its own for one program: ext4 in a file, whose
// blocks are in a memory of bounded size. What the program wrote and did not
// sync is in the kernel's cache and not in the file, so a copy of the file is
// what a power cut would leave; and when the memory under the file is full,
// the device fails to write, as a dying card does.
type disk struct {
	base  string // holds the memory with the image
	mount string // what the program sees
	image string
	n     int
}

func newDisk(ctx context.Context, dir, name string) (*disk, error) {
	d := &disk{base: filepath.Join(dir, name+".platter"), mount: filepath.Join(dir, name)}
	if err := errors.Join(os.Mkdir(d.base, 0o700), os.Mkdir(d.mount, 0o700)); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", d.base, "tmpfs", 0, fmt.Sprintf("size=%d", platter)); err != nil {
		return nil, fmt.Errorf("mount a tmpfs: %w (it takes root)", err)
	}
	d.image = filepath.Join(d.base, "0.img")
	err := os.WriteFile(d.image, nil, 0o600)
	if err == nil {
		err = os.Truncate(d.image, imageSize)
	}
	if err == nil {
		err = command(ctx, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,nodiscard", d.image)
	}
	if err == nil {
		err = d.attach(ctx)
	}
	if err != nil {
		d.close(ctx)
		return nil, err
	}
	return d, nil
}

// attach mounts the image. The file system commits nothing of itself within a
// run, so what is not synced is not on the device.
func (d *disk) attach(ctx context.Context) error {
	return command(ctx, "mount", "-o", "loop,commit=300", d.image, d.mount)
}

func (d *disk) close(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	_ = command(ctx, "umount", "-l", d.mount) // may not be mounted
	_ = command(ctx, "umount", "-l", d.base)
}

// cutPower leaves on the disk what was on the device. The program that used it
// is dead already.
func (d *disk) cutPower(ctx context.Context) error {
	d.n++
	left := filepath.Join(d.base, fmt.Sprintf("%d.img", d.n))
	// Only then the file system lets go, and writes what it still has to the old image.
	err := command(ctx, "cp", "--sparse=always", d.image, left)
	if err == nil {
		err = command(ctx, "umount", "-l", d.mount)
	}
	if err == nil {
		err = os.Remove(d.image)
	}
	d.image = left
	if err != nil {
		return fmt.Errorf("cut the power of %s: %w", d.mount, err)
	}
	return d.attach(ctx)
}

// fill takes the room that programs see.
func (d *disk) fill() error {
	f, err := os.OpenFile(filepath.Join(d.mount, "filler"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	// Reserved, not written: the device has no room for so much.
	size := int64(0)
	for piece := int64(imageSize); piece >= 512; {
		switch err := syscall.Fallocate(int(f.Fd()), 0, size, piece); {
		case err == nil:
			size += piece
		case errors.Is(err, syscall.ENOSPC):
			piece /= 2
		case !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("fill up %s: %w", d.mount, err)
		}
	}
	return nil
}

// clear gives it back.
func (d *disk) clear() error { return os.Remove(filepath.Join(d.mount, "filler")) }

// fail makes the device fail to write what it has no block for yet.
func (d *disk) fail() error {
	f, err := os.OpenFile(filepath.Join(d.base, "filler"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) >= 512; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2] // the rest in smaller pieces
		} else if err != nil {
			return fmt.Errorf("fill up %s: %w", d.base, err)
		}
	}
	return nil
}

// mend makes the device work again; a file system that gave up stays as it is.
func (d *disk) mend() error { return os.Remove(filepath.Join(d.base, "filler")) }

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
