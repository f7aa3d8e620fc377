package probes

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"thongsuot"
)

// Bounds of a rest.
const (
	longestPace = 15 * time.Minute // of doubling
	longestRest = 24 * time.Hour   // that a server may ask for: a slip of its hand must not blind us for ever
)

// pace is how a probe goes easy on a server. It needs no lock: the runs of a
// probe never overlap.
type pace struct {
	every   time.Duration // what was configured
	doubled time.Duration // interval now, 0 while it is every
	until   time.Time     // nothing is asked before
}

// resting reports whether the run at now must not ask, and until when.
func (p *pace) resting(now time.Time) (until time.Time, resting bool) {
	return p.until, now.Before(p.until)
}

// answered takes note of a run from begin to now. retryAfter is what the server
// asked for, 0 for nothing.
func (p *pace) answered(begin, now time.Time, r thongsuot.Result, retryAfter time.Duration) {
	p.until = time.Time{}
	if !overloaded(r) {
		p.doubled = 0
	} else {
		p.doubled = min(2*max(p.every, p.doubled), max(longestPace, p.every))
		// A run comes a little early or late: a tenth of a turn, so that the
		// second one from now is not taken for too early.
		p.until = begin.Add(p.doubled - p.every/10)
	}
	asked := now.Add(min(retryAfter, longestRest))
	if retryAfter > 0 && asked.After(p.until) {
		p.until = asked
	}
}

// overloaded reports whether the answer is a sign of a server with too much to
// do. A connection that was never made is none: it costs the server a packet,
// and most often the line is cut; resting would leave the portal unasked for a
// quarter of an hour after the line is back.
func overloaded(r thongsuot.Result) bool {
	status, _ := r.Field(thongsuot.FieldStatusCode)
	return slices.Contains([]float64{http.StatusTooManyRequests, http.StatusServiceUnavailable}, status) ||
		r.Reason == thongsuot.ReasonHTTPTimeout
}

// retryIn reads Retry-After (RFC 9110 section 10.2.3): seconds, or an instant,
// which is taken against the server's own Date rather than our clock.
func retryIn(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}
