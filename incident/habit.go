package incident

import (
	"slices"
	"time"
)

// Switching off after work. A third of the boxes go off with the power strip,
// without a word: what they do most evenings is no outage.
const (
	evenings   = 10               // that are looked back at
	habitually = 6                // of them silent at that hour
	habitLater = time.Hour        // people do not leave to the minute
	openedFor  = 15 * time.Minute // in office hours again, and still silent: that is no habit
	offLook    = 5 * time.Minute  // how often a site that is off is looked at
)

// night is a silence that began outside office hours.
type night struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// habit reports whether the site was silent at that hour on most evenings.
func (s *site) habit(onset time.Time) bool {
	silent := 0
	for k := 1; k <= evenings; k++ {
		at := onset.Add(habitLater - time.Duration(k)*24*time.Hour)
		silent += one(slices.ContainsFunc(s.Nights, func(n night) bool { return !at.Before(n.From) && at.Before(n.To) }))
	}
	return silent >= habitually
}

// keepNight remembers a silence that ended.
func (s *site) keepNight(q *silence, end time.Time) {
	if !q.Outside {
		return
	}
	oldest := end.Add(-(evenings + 1) * 24 * time.Hour)
	s.Nights = slices.DeleteFunc(s.Nights, func(n night) bool { return n.To.Before(oldest) })
	s.Nights = append(s.Nights, night{q.Since, end})
}

// opened is since when the office is open at now, zero while it is not.
func (e *Engine) opened(site string, now time.Time) (since time.Time) {
	const step, longest = time.Minute, 24 * time.Hour
	for at := now.Truncate(step); now.Sub(at) <= longest && e.inOffice(site, at); at = at.Add(-step) {
		since = at
	}
	return since
}

// overslept is when the office of a silent site that counts as off opened,
// once that is so long ago that being off explains nothing; zero before. Once
// it is known it holds, at noon and at night too.
func (e *Engine) overslept(site string, q *silence, now time.Time) time.Time {
	if !q.Outside || !q.Opened.IsZero() {
		return q.Opened
	}
	since := e.opened(site, now)
	q.look = now.Add(offLook)
	if since.IsZero() || !since.After(q.Since) {
		return time.Time{}
	}
	if now.Sub(since) < openedFor {
		q.look = since.Add(openedFor)
		return time.Time{}
	}
	q.Opened = since
	return since
}
