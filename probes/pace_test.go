package probes_test

import (
	"net/http"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// runs plays a scheduler that comes every minute, on the dot or late by up to
// four seconds, to a server that always answers r. It returns the minutes in
// which the server was asked.
func runs(every time.Duration, turns int, r thongsuot.Result, retryAfter time.Duration) (asked []int) {
	p := probes.NewPace(every)
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for i := range turns {
		now := start.Add(time.Duration(i)*every + time.Duration(i%5)*time.Second)
		if p.Resting(now) {
			continue
		}
		asked = append(asked, int(now.Sub(start)/time.Minute))
		p.Answered(now, now.Add(time.Second), r, retryAfter)
	}
	return asked
}

func TestPaceDoublesUpToFifteenMinutes(t *testing.T) {
	f := func(r thongsuot.Result, every, retryAfter time.Duration, want ...int) {
		t.Helper()
		got := runs(every, 40*int(time.Minute)/int(every), r, retryAfter)
		if len(got) < len(want) {
			t.Fatalf("%s: asked in minutes %v, want %v", r.Reason, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: asked in minutes %v, want %v", r.Reason, got, want)
			}
		}
	}
	status := func(reason thongsuot.Reason, code float64) thongsuot.Result {
		return thongsuot.Result{Reason: reason, Fields: []thongsuot.Field{{Name: thongsuot.FieldStatusCode, Value: code}}}
	}
	busy := []int{0, 2, 6, 14, 29}
	f(status(thongsuot.ReasonHTTP5xx, 503), time.Minute, 0, busy...)
	f(status(thongsuot.ReasonHTTP4xx, 429), time.Minute, 0, busy...)
	f(thongsuot.Result{Reason: thongsuot.ReasonHTTPTimeout}, time.Minute, 0, busy...)
	f(status(thongsuot.ReasonHTTP5xx, 503), 5*time.Minute, 0, 0, 10, 25)
	f(status(thongsuot.ReasonHTTP5xx, 503), 20*time.Minute, 0, 0, 20) // slower than the longest pace already

	f(status(thongsuot.ReasonHTTP5xx, 500), time.Minute, 0, 0, 1, 2, 3)
	f(status(thongsuot.ReasonOK, 200), time.Minute, 0, 0, 1, 2, 3)
	f(thongsuot.Result{Reason: thongsuot.ReasonConnectRefused}, time.Minute, 0, 0, 1, 2, 3)
	f(thongsuot.Result{Reason: thongsuot.ReasonConnectTimeout}, time.Minute, 0, 0, 1, 2, 3)
	f(thongsuot.Result{Reason: thongsuot.ReasonDNSTimeout}, time.Minute, 0, 0, 1, 2, 3)

	// Retry-After holds beyond the doubling, and behind it.
	f(status(thongsuot.ReasonHTTP5xx, 503), time.Minute, 10*time.Minute, 0, 11, 22, 33)
	f(status(thongsuot.ReasonHTTP5xx, 500), time.Minute, 3*time.Minute, 0, 3, 7, 11)
}

func TestPaceRecovers(t *testing.T) {
	p := probes.NewPace(time.Minute)
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	bad := thongsuot.Result{Reason: thongsuot.ReasonHTTPTimeout}
	p.Answered(now, now, bad, 0)
	p.Answered(now, now, bad, 0)
	p.Answered(now, now, thongsuot.Result{Reason: thongsuot.ReasonOK}, 0)
	if p.Resting(now) {
		t.Error("still resting after a good answer")
	}
	p.Answered(now, now, bad, 0)
	if !p.Resting(now.Add(time.Minute)) || p.Resting(now.Add(2*time.Minute)) {
		t.Error("the doubling does not begin anew after a good answer")
	}
	p.Answered(now, now, bad, 10*365*24*time.Hour)
	if !p.Resting(now.Add(24*time.Hour-time.Second)) || p.Resting(now.Add(24*time.Hour)) {
		t.Error("ten years of Retry-After are not cut to a day")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	f := func(retry, date string, want time.Duration) {
		t.Helper()
		h := http.Header{"Retry-After": {retry}, "Date": {date}}
		if got := probes.RetryIn(h, now); got != want {
			t.Errorf("Retry-After %q at %q is %s, want %s", retry, date, got, want)
		}
	}
	f("", "", 0)
	f("120", "", 2*time.Minute)
	f("0", "", 0)
	f("-5", "", 0)
	f("soon", "", 0)
	f("99999999999999999999", "", 0)
	f("Mon, 23 Nov 2026 08:03:00 GMT", "", 3*time.Minute)
	f("Mon, 23 Nov 2026 07:00:00 GMT", "", 0)
	f("Mon, 23 Nov 2026 08:03:00 GMT", "Mon, 23 Nov 2026 08:01:00 GMT", 2*time.Minute) // our clock may be wrong
}
