package registry

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Announced is an announced window with its place.
type Announced struct {
	thongsuot.Window
	ID   string // of eight characters; the same as long as sites, cause, times and source are
	File string
	Line int
}

// Windows lists the announced windows of a site, or for "" those of all, that
// touch the stretch from..to (to excluded), by start.
func (r *Registry) Windows(site string, from, to time.Time) []thongsuot.Window {
	var found []thongsuot.Window
	for _, w := range r.windows {
		if w.Start.Before(to) && w.End.After(from) && (site == "" || slices.Contains(w.Sites, site)) {
			found = append(found, w.Window)
		}
	}
	return found
}

// Announced lists every announced window that ends after from, by start.
func (r *Registry) Announced(from time.Time) []Announced {
	return slices.DeleteFunc(slices.Clone(r.windows), func(w Announced) bool { return !w.End.After(from) })
}

// windowSheet is windows.csv. Any windows-….csv is read like it, so that each
// source can bring a file of its own.
var windowSheet = sheet{
	name:     "windows.csv",
	required: []string{"sites", "cause", "start", "end", "source"},
	optional: []string{"reason"},
}

func isWindowFile(name string) bool {
	return name == windowSheet.name || strings.HasPrefix(name, "windows-") && strings.HasSuffix(name, ".csv")
}

// allSites stands for every site in the column "sites" of windows.csv.
const allSites = "all"

// windowCauses lists what can be announced.
func windowCauses() []thongsuot.Cause {
	return []thongsuot.Cause{thongsuot.CausePower, thongsuot.CauseAccess, thongsuot.CausePortal, thongsuot.CauseHost}
}

// windowFiles reads all files of a folder that announce something.
func (l *loader) windowFiles(dir string) {
	for _, pattern := range []string{"windows*.csv", "*"} {
		paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		if err != nil {
			l.faults.add(Problem{File: dir, Text: err.Error()})
			return
		}
		for _, path := range paths {
			name := filepath.Base(path)
			switch {
			case pattern != "*" && isWindowFile(name):
				l.run(job{sheet{name, windowSheet.required, windowSheet.optional}, l.window}, dir, false)
			case pattern == "*" && strings.EqualFold(filepath.Ext(name), calendarExt) && !strings.HasPrefix(name, "."):
				l.calendar(path)
			}
		}
	}
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func (l *loader) window(r row) {
	l.announce(r, r.need("sites"), r.moment("start", l.reg.zone), r.moment("end", l.reg.zone))
}

// announce checks a window and keeps it.
func (l *loader) announce(r row, sites string, start, end time.Time) {
	w := Announced{File: r.file, Line: r.line, Window: thongsuot.Window{
		Sites: strings.FieldsFunc(sites, func(c rune) bool { return c == ' ' || c == ',' || c == ';' }),
		Cause: word(r, "cause", windowCauses()), Start: start, End: end,
		Source: r.need("source"), Reason: r.text("reason"),
	}}
	if !w.Start.IsZero() && !w.End.IsZero() && !w.End.After(w.Start) {
		r.fault("end", "must be after start %s", r.text("start"))
	}
	if sites == allSites {
		w.Sites = l.allCodes()
	} else {
		for _, code := range w.Sites {
			l.known(r, "sites", code)
		}
	}
	w.ID = windowID(w.Window)
	l.reg.windows = append(l.reg.windows, w)
}

// windowID names a window by what it says.
func windowID(w thongsuot.Window) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%q %s %d %d %q", w.Sites, w.Cause, w.Start.Unix(), w.End.Unix(), w.Source) // cannot fail
	return fmt.Sprintf("%08x", h.Sum32())
}

func byStart(a, b Announced) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) }
