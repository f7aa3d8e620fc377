package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"thongsuot"
	"thongsuot/ledger"
)

// mountSmall mounts a file system of its own, of the given size, on dir.
func mountSmall(t *testing.T, dir, size string) {
	t.Helper()
	if os.Getuid() != 0 {
		const missing = "root is missing, to mount a small file system"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// fill takes all the space that a disk has left.
func fill(t *testing.T, disk string) (filler string) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "filler"))
	must(t, err)
	defer f.Close()
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ends with %v, want ENOSPC", err)
	}
	return f.Name()
}

// On a full disk nothing is promised, all can be read, and when there is space
// again everything goes on without a restart.
func TestDiskFillsAndHeals(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, "4m")
	l := open(t, filepath.Join(disk, "ledger.db"))
	must(t, l.Record(t.Context(), []thongsuot.Change{change("first", 1, 0)}))
	filler := fill(t, disk)
	var want []string
	for n := 0; ; n++ {
		c := change(fmt.Sprint("i", n), 1, 0)
		if err := l.Record(t.Context(), []thongsuot.Change{c}); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatalf("error %v, want ENOSPC", err)
		}
		want = append(want, c.Key())
	}
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		got, err := l.Unrouted(t.Context(), -1)
		must(t, err)
		equal(t, when, keys(got), append([]string{"first/1"}, want...))
	}
	check(l, "on the full disk")
	must(t, os.Remove(filler))
	must(t, l.Record(t.Context(), []thongsuot.Change{change("again", 1, 0)}))
	want = append(want, "again/1")
	check(l, "with space again")
	check(open(t, filepath.Join(disk, "ledger.db")), "opened again")
}

func TestOpenOnFullDisk(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, "1m")
	filler := fill(t, disk)
	path := filepath.Join(disk, "ledger.db")
	if l, err := ledger.Open(path); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("opened %v with error %v, want ENOSPC", l, err)
	}
	must(t, os.Remove(filler))
	open(t, path)
}
