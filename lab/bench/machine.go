package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where and when a run was.
type Machine struct {
	Date    string  `json:"date"`
	Version string  `json:"version"`
	Cores   int     `json:"cores"`
	CPU     string  `json:"cpu"`
	Memory  int     `json:"memory_gb"`
	Kernel  string  `json:"kernel"`
	Load    float64 `json:"load"` // of others, in the minute before the run; with more than half of the cores busy times mean little
}

func thisMachine(version string) Machine {
	m := Machine{Date: time.Now().Format("2006-01-02 15:04"), Version: version, Cores: runtime.NumCPU(), CPU: runtime.GOARCH}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		m.CPU = name
	}
	kb, _ := strconv.Atoi(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"))
	m.Memory = kb / 1e6
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &m.Load) // 0 when it says nothing
	}
	return m
}

func (m Machine) noisy() bool { return m.Load > float64(m.Cores)/2 }

func (m Machine) String() string {
	text := fmt.Sprintf("%s · thongsuot %s · %d cores, %s, %d GB · Linux %s · load %.1f", m.Date, m.Version, m.Cores, m.CPU, m.Memory, m.Kernel, m.Load)
	if m.noisy() {
		text += "\nOthers work on this machine: trust the ratios, and the figures of time and CPU less."
	}
	return text
}

// field is a value in a file of lines "name : value".
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
