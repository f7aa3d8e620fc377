package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/wire"
)

// past keeps in one small file how the agent is doing, so that its next start
// can tell how this one ended: with a goodbye, or cut off, and with what power.
// A missing goodbye on another boot is a machine that was cut off or crashed.
type past struct {
	path string
	boot string
}

// Words of the file, in order: state, boot id, power.
const (
	pastRuns     = "running"
	pastStopped  = "stopped"
	pastShutdown = "shutdown"

	pastBattery = "battery"
	pastMains   = "mains"
	pastUnknown = "unknown"
)

func (p past) write(state string, flags uint8) error {
	power := pastUnknown
	switch {
	case flags&wire.FlagOnBattery != 0:
		power = pastBattery
	case flags&wire.FlagMainsPresent != 0:
		power = pastMains
	}
	return writeDurably(p.path, strings.Join([]string{state, p.boot, power}, " ")+"\n")
}

// Names of ends, as the detail of the result has them, from the strongest
// evidence down.
const (
	endShutdownBattery = "shutdown_on_battery" // it said goodbye, and the machine went down on battery
	endShutdown        = "shutdown"            // it said goodbye, and the machine went down
	endStopped         = "stopped"             // it said goodbye
	endPanic           = "panic"               // cut off, and the kernel left its last words
	endCutBattery      = "cut_on_battery"      // cut off on battery
	endCutMains        = "cut_with_mains"      // cut off while a sensor saw mains: a crash is likelier than a power cut
	endCut             = "cut"                 // cut off, nothing known of the mains
	endKilled          = "killed"              // the process alone: the machine ran on
)

// read tells how the run before ended; ok is false when there was none, or its
// file says nothing. panics are the folders where a kernel leaves its last words.
func (p past) read(panics ...string) (r thongsuot.Result, ok bool, err error) {
	raw, err := os.ReadFile(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("how the last run ended: %w", err)
	}
	words := strings.Fields(string(raw))
	if len(words) != 3 {
		return r, false, fmt.Errorf("how the last run ended: %s holds %q", p.path, raw)
	}
	state, boot, battery := words[0], words[1], words[2] == pastBattery
	same, clean := boot == p.boot, state != pastRuns
	panicked := !clean && !same && p.panicked(panics)
	end := endCut
	switch {
	case state == pastShutdown && battery:
		end = endShutdownBattery
	case state == pastShutdown:
		end = endShutdown
	case clean:
		end = endStopped
	case same:
		end = endKilled
	case panicked:
		end = endPanic
	case battery:
		end = endCutBattery
	case words[2] == pastMains:
		end = endCutMains
	}
	return thongsuot.Result{
		Probe: "last-end", Kind: thongsuot.ProbeBoot, Reason: thongsuot.ReasonOK, Detail: end,
		Fields: []thongsuot.Field{
			{Name: thongsuot.FieldClean, Value: truth(clean)}, {Name: thongsuot.FieldShutdown, Value: truth(state == pastShutdown)},
			{Name: thongsuot.FieldSameBoot, Value: truth(same)}, {Name: thongsuot.FieldOnBattery, Value: truth(battery)},
			{Name: thongsuot.FieldPanic, Value: truth(panicked)},
		},
	}, true, nil
}

// panicked reports whether a kernel left a dump since the file was written.
func (p past) panicked(folders []string) bool {
	since := time.Time{}
	if info, err := os.Stat(p.path); err == nil {
		since = info.ModTime()
	}
	for _, folder := range folders {
		dumps, _ := filepath.Glob(filepath.Join(folder, "dmesg-*")) // the pattern is right
		for _, dump := range dumps {
			if info, err := os.Stat(dump); err == nil && info.ModTime().After(since) {
				return true
			}
		}
	}
	return false
}
