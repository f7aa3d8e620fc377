package probes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot"
)

// BootConfig asks which boot of the machine this is and how long it has run.
type BootConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent
	Proc    string        `yaml:"proc"`    // where procfs is mounted; default /proc
	Every   time.Duration `yaml:"every"`   // default 1m
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every
}

// DefaultBootConfig is a probe of this machine without a name.
func DefaultBootConfig() BootConfig { return BootConfig{Proc: "/proc", Every: time.Minute} }

// Validate names every field that is wrong.
func (c BootConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		must(filepath.IsAbs(c.Proc), "proc: must be an absolute path (got %q)", c.Proc),
	)
}

func (c BootConfig) schedule() schedule {
	return schedule{name: c.Name, every: c.Every, timeout: c.Timeout}
}

// NewBoot makes the probe. Detail is the boot id.
//
// Reasons: ok, not_present (no procfs), no_permission, bad_reply, error.
// Fields: uptime_seconds, which counts time asleep, and suspended_seconds, the
// time asleep since the boot.
func NewBoot(cfg BootConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	return newProbe(thongsuot.ProbeBoot, cfg.schedule(), cfg.Proc, cfg.read), nil
}

func (c BootConfig) read(context.Context) thongsuot.Result {
	id, err := BootID(c.Proc)
	if err != nil {
		return fail(fileReason(err), err)
	}
	up, err := uptime(c.Proc)
	if err != nil {
		return fail(fileReason(err), err)
	}
	return thongsuot.Result{
		Reason: thongsuot.ReasonOK,
		Detail: id,
		Fields: []thongsuot.Field{{Name: thongsuot.FieldUptime, Value: up}, {Name: thongsuot.FieldSuspended, Value: asleep()}},
	}
}

// asleep is the time since the boot that the machine spent suspended: what
// CLOCK_BOOTTIME counts and CLOCK_MONOTONIC does not, in whole seconds.
func asleep() float64 {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0 // both are present since Linux 2.6.39
	}
	return max(math.Round(time.Duration(boot.Nano()-mono.Nano()).Seconds()), 0)
}

var bootIDs = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// BootID is the kernel's name for this boot: a random UUID, another after each
// start. procRoot is where procfs is mounted, as a rule /proc.
func BootID(procRoot string) (string, error) {
	file := filepath.Join(procRoot, "sys/kernel/random/boot_id")
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(raw))
	if !bootIDs.MatchString(id) {
		return "", fmt.Errorf("%w: %s holds %q", errBadReply, file, id)
	}
	return id, nil
}

// uptime is the seconds since the boot, by CLOCK_BOOTTIME.
func uptime(procRoot string) (float64, error) {
	file := filepath.Join(procRoot, "uptime")
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil || !(seconds >= 0 && seconds < 1e10) {
		return 0, fmt.Errorf("%w: %s holds %q", errBadReply, file, raw)
	}
	return seconds, nil
}

// fileReason is the class of an error of reading a file of the kernel.
func fileReason(err error) thongsuot.Reason {
	switch {
	case errors.Is(err, errBadReply):
		return thongsuot.ReasonBadReply
	case errors.Is(err, os.ErrNotExist):
		return thongsuot.ReasonNotPresent
	case errors.Is(err, os.ErrPermission):
		return thongsuot.ReasonNoPermission
	default:
		return thongsuot.ReasonError
	}
}
