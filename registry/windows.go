package registry

import (
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Windows lists the announced windows of a site, or for "" those of all, that
// touch the stretch from..to (to excluded), by start.
func (r *Registry) Windows(site string, from, to time.Time) []thongsuot.Window {
	var found []thongsuot.Window
	for _, w := range r.windows {
		if w.Start.Before(to) && w.End.After(from) && (site == "" || slices.Contains(w.Sites, site)) {
			found = append(found, w)
		}
	}
	return found
}

var windowSheet = sheet{
	name:     "windows.csv",
	required: []string{"sites", "cause", "start", "end", "source"},
	optional: []string{"reason"},
}

// allSites stands for every site in the column "sites" of windows.csv.
const allSites = "all"

func (l *loader) window(r row) {
	w := thongsuot.Window{
		Sites: strings.Fields(r.need("sites")),
		Cause: word(r, "cause", []thongsuot.Cause{
			thongsuot.CausePower, thongsuot.CauseAccess, thongsuot.CausePortal, thongsuot.CauseHost,
		}),
		Start:  r.moment("start", l.reg.zone),
		End:    r.moment("end", l.reg.zone),
		Source: r.need("source"),
		Reason: r.text("reason"),
	}
	if !w.Start.IsZero() && !w.End.IsZero() && !w.End.After(w.Start) {
		r.fault("end", "must be after start %s", r.text("start"))
	}
	if r.text("sites") == allSites {
		w.Sites = l.allCodes()
	} else {
		for _, code := range w.Sites {
			l.known(r, "sites", code)
		}
	}
	l.reg.windows = append(l.reg.windows, w)
}
