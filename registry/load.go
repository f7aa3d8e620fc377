package registry

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Load reads the files of all dirs and checks them together. The first dir
// must have sites.csv; every other file is optional, and a later dir adds to
// the earlier ones. The error joins a Problem for each fault, up to a bound.
func Load(zone *time.Location, dirs ...string) (*Registry, error) {
	if zone == nil {
		return nil, errors.New("registry: the time zone is missing")
	}
	if len(dirs) == 0 {
		return nil, errors.New("registry: no folder given")
	}
	l := &loader{
		reg: &Registry{
			zone:     zone,
			rows:     map[string][]thongsuot.Site{},
			people:   map[string][]thongsuot.Person{},
			regimes:  map[string][]regime{},
			holidays: map[thongsuot.Day]Holiday{},
		},
		whole: true,
		codes: map[string]bool{},
		lines: map[string][]thongsuot.Line{},
		seen:  map[string][]place{},
	}
	readable := true
	for _, dir := range dirs {
		readable = l.strangers(dir) && readable
	}
	if !readable {
		return nil, l.faults.err()
	}
	// What refers to sites is read after all of them, wherever they are.
	for _, pass := range [][]job{{{siteSheet, l.site}}, {
		{lineSheet, l.line}, {contactSheet, l.contact}, {hourSheet, l.hours}, {holidaySheet, l.holiday},
	}} {
		for i, dir := range dirs {
			for _, j := range pass {
				l.run(j, dir, i == 0)
			}
		}
	}
	for _, dir := range dirs {
		l.windowFiles(dir)
	}
	for _, r := range l.merged {
		l.known(r, "successor", r.text("successor"))
	}
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return l.finish(), nil
}

// loader gathers what the files say, and what is wrong with it.
type loader struct {
	reg    *Registry
	faults problems
	whole  bool                        // every line of every sites.csv could be read
	codes  map[string]bool             // codes of sites, good or bad
	merged []row                       // that name a successor
	lines  map[string][]thongsuot.Line // further lines, by code
	seen   map[string][]place          // where a key was used, to name both lines of a clash
}

// job is what is done with every row of a sheet.
type job struct {
	sheet sheet
	take  func(row)
}

func (l *loader) run(j job, dir string, first bool) {
	path := filepath.Join(dir, j.sheet.name)
	holdsSites := j.sheet.name == siteSheet.name
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !(first && holdsSites) {
		return
	}
	rows, whole := j.sheet.read(path, &l.faults)
	if holdsSites && !whole {
		l.whole = false
	}
	for _, r := range rows {
		j.take(r)
	}
}

// strangers names CSV files that nobody reads: a misspelt holidays.csv would
// otherwise be silence. It reports whether the folder could be read.
func (l *loader) strangers(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.faults.add(Problem{File: dir, Text: withoutPath(err).Error()})
		return false
	}
	var known []string
	for _, s := range []sheet{siteSheet, lineSheet, contactSheet, hourSheet, holidaySheet, windowSheet} {
		known = append(known, s.name)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.EqualFold(filepath.Ext(name), ".csv") || slices.Contains(known, name) || isWindowFile(name) ||
			strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") { // lock files of office programs
			continue
		}
		l.faults.add(Problem{File: filepath.Join(dir, name), Text: "is not read by anything; move it away or name it one of " + strings.Join(known, ", ")})
	}
	return true
}

// place is where a key was used, and how long it holds there.
type place struct {
	file string
	line int
	span span
}

// clash records a fault where the key is already used in an overlapping span.
func (l *loader) clash(r row, column, key string, s span) bool {
	for _, p := range l.seen[key] {
		if !p.span.overlaps(s) {
			continue
		}
		if p.span == s {
			r.fault(column, "is already given at %s:%d", p.file, p.line)
		} else {
			r.fault(column, "is already given at %s:%d (valid %s..%s), which overlaps %s..%s", p.file, p.line, p.span.from, p.span.to, s.from, s.to)
		}
		return true
	}
	l.seen[key] = append(l.seen[key], place{r.file, r.line, s})
	return false
}

// known checks that a code belongs to a site, unless unreadable lines may
// have held it.
func (l *loader) known(r row, column, code string) {
	if code != "" && l.whole && !l.codes[code] {
		r.fault(column, "no such site in %s: %s", siteSheet.name, code)
	}
}

// allCodes lists every site, whenever it is valid.
func (l *loader) allCodes() []string { return slices.Sorted(maps.Keys(l.codes)) }

// finish puts the parts together; only for files without faults.
func (l *loader) finish() *Registry {
	for code, rows := range l.reg.rows {
		for i := range rows {
			rows[i].Lines = append(rows[i].Lines, l.lines[code]...)
		}
		slices.SortFunc(rows, func(a, b thongsuot.Site) int { return compareDays(a.ValidFrom, b.ValidFrom) })
	}
	slices.SortStableFunc(l.reg.windows, byStart)
	return l.reg.At(thongsuot.Day{})
}

// key joins the parts of a key so that no two keys meet.
func key(parts ...string) string { return fmt.Sprintf("%q", parts) }
