// Package registry knows who is monitored: sites with dated validity, their
// lines and contacts, the office hours and holidays that decide which lost
// time is lost service, and the windows announced in advance.
//
// The files are the master: CSV written by people, in folders that Load reads.
// A folder with one fault is refused as a whole, with every fault named by
// file, line, column and value. A Registry never changes once it is loaded and
// may be used by any number of goroutines; Live holds the newest good one.
//
// Nothing here but Live reads a clock. Days and times of day are those of the
// province's time zone.
package registry

import (
	"maps"
	"slices"
	"time"

	"thongsuot"
)

// Registry is what the files say, seen on one day or, as Load returns it, on
// none: then each code is shown by its latest row.
type Registry struct {
	zone     *time.Location
	rows     map[string][]thongsuot.Site // by code, by ValidFrom
	people   map[string][]thongsuot.Person
	regimes  map[string][]regime // by code; "" is the province
	holidays map[thongsuot.Day]Holiday
	windows  []Announced // by start

	day    thongsuot.Day // zero for none
	sites  []thongsuot.Site
	byCode map[string]thongsuot.Site
}

// Zone is the time zone of the province.
func (r *Registry) Zone() *time.Location { return r.zone }

// At is the same registry seen on another day: sites are those whose row
// holds on it. The zero day shows each code by its latest row, past or future.
func (r *Registry) At(day thongsuot.Day) *Registry {
	view := *r
	view.day = day
	view.sites = nil
	view.byCode = make(map[string]thongsuot.Site, len(r.rows))
	for _, code := range slices.Sorted(maps.Keys(r.rows)) {
		rows := r.rows[code]
		for i := len(rows) - 1; i >= 0; i-- {
			if day.IsZero() || (span{rows[i].ValidFrom, rows[i].ValidTo}).covers(day) {
				view.sites = append(view.sites, rows[i])
				view.byCode[code] = rows[i]
				break
			}
		}
	}
	return &view
}

// Sites lists the sites by code. The slice is the caller's to sort.
func (r *Registry) Sites() []thongsuot.Site { return slices.Clone(r.sites) }

// Site is the site of a code; ok is false where the code is unknown, or not
// valid on the day of the view.
func (r *Registry) Site(code string) (site thongsuot.Site, ok bool) {
	site, ok = r.byCode[code]
	return site, ok
}

// People lists the contacts of one site, or for "" those of the province, in
// the order of the file.
func (r *Registry) People(site string) []thongsuot.Person {
	return slices.Clone(r.people[site])
}
