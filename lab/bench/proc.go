package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has taken so far.
type usage struct {
	cpu     time.Duration
	written int64 // bytes that it caused to be written to a device
}

// hertz is the unit of times in /proc/PID/stat, the same on every Linux that
// Go runs on (USER_HZ).
const hertz = 100

// used reads the counters of a process. root is /proc.
func used(root string, pid int) (u usage, err error) {
	dir := filepath.Join(root, strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, err
	}
	if u.cpu, err = cpuOf(string(stat)); err != nil {
		return u, fmt.Errorf("%s/stat: %w", dir, err)
	}
	text := field(filepath.Join(dir, "io"), "write_bytes")
	if u.written, err = strconv.ParseInt(text, 10, 64); err != nil {
		return u, fmt.Errorf("%s/io: write_bytes: %w", dir, err)
	}
	return u, nil
}

// cpuOf is user and system time in a line of /proc/PID/stat (proc(5)): fields
// 14 and 15, counted from the name in brackets, which may hold anything.
func cpuOf(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("too short")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / hertz, errors.Join(err1, err2)
}

// resident is the memory of a process that is in RAM, in bytes: its own and
// the pages of its program that it has touched, as ps counts it.
func resident(root string, pid int) (int64, error) {
	file := filepath.Join(root, strconv.Itoa(pid), "status")
	kb, err := strconv.ParseInt(strings.TrimSuffix(field(file, "VmRSS"), " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: VmRSS: %w", file, err)
	}
	return kb << 10, nil
}

// sectors is the number of bytes that were written to a block device.
func sectors(stat string) (int64, error) {
	fields := strings.Fields(stat) // of Documentation/block/stat.rst
	if len(fields) < 7 {
		return 0, fmt.Errorf("want at least 7 numbers (got %q)", stat)
	}
	n, err := strconv.ParseInt(fields[6], 10, 64)
	return 512 * n, err
}
