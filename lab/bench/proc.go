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

// hertz is the unit of times in /proc/PID/stat, the same on every Linux that
// Go runs on (USER_HZ).
const hertz = 100

// cpu is the time that a process has taken so far. root is /proc.
func cpu(root string, pid int) (time.Duration, error) {
	file := filepath.Join(root, strconv.Itoa(pid), "stat")
	stat, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	d, err := cpuOf(string(stat))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
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
