package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/probes"
)

func TestManners(t *testing.T) {
	portal := probes.Probe{Name: "portal", Kind: thongsuot.ProbePortal, Public: true, Every: time.Minute}
	own := probes.Probe{Name: "own", Kind: thongsuot.ProbePortal, Every: 10 * time.Second}
	link := probes.Probe{Name: "hop", Kind: thongsuot.ProbeICMP, Every: 10 * time.Second}
	lan := probes.Probe{Name: "gateway", Kind: thongsuot.ProbeICMP, Every: 10 * time.Second}
	ups := probes.Probe{Name: "ups", Kind: thongsuot.ProbeUPS, Every: time.Second}
	line := probes.Probe{Name: "hop-4g", Kind: thongsuot.ProbeICMP, Line: "4g", Every: 10 * time.Second}
	f := func(m *agent.Manners, want ...time.Duration) {
		t.Helper()
		for i, p := range []probes.Probe{portal, own, link, lan, ups, line} {
			if got := m.Every(p); got != want[i] {
				t.Errorf("%s each %s, want %s", p.Name, got, want[i])
			}
		}
	}
	const s = time.Second
	usual := []time.Duration{60 * s, 10 * s, 10 * s, 10 * s, s, 10 * s}
	slow := []time.Duration{300 * s, 10 * s, 10 * s, 10 * s, s, 10 * s}
	m := agent.NewManners(t.TempDir())
	f(m, usual...)
	rate := func(line string, reason thongsuot.Reason, bits float64) thongsuot.Result {
		return thongsuot.Result{Probe: "fetch", Kind: thongsuot.ProbeFetch, Line: line, Reason: reason, Fields: []thongsuot.Field{{Name: thongsuot.FieldDownRate, Value: bits}}}
	}
	m.Learn(rate("4g", thongsuot.ReasonOK, 500e3)) // another line than the pages take
	f(m, usual...)
	m.Learn(rate("", thongsuot.ReasonOK, 999e3))
	f(m, slow...)
	f(m.Restart(), slow...) // known after a restart
	m.Learn(rate("", thongsuot.ReasonHTTP5xx, 20e6))
	f(m, slow...)
	m.Learn(rate("", thongsuot.ReasonOK, 20e6))
	f(m, usual...)
	f(m.Restart(), usual...)

	m.Ask(97 * s) // the centre
	f(m, 97*s, 10*s, 10*s, 10*s, s, 10*s)
	m.Ask(48 * time.Hour)
	f(m, 900*s, 10*s, 10*s, 10*s, s, 10*s)
	m.Ask(0)
	m.Configure(false, true)
	f(m, slow...)
	m.Configure(true, false)
	f(m, 300*s, 10*s, 60*s, 10*s, s, 10*s)
}

// The pace of a probe follows what becomes known while it runs.
func TestPaceFollowsTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		clock := agent.NewClock("b", func() time.Duration { return time.Since(began) }, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		m := agent.NewManners(t.TempDir())
		p := probes.Probe{Name: "portal", Kind: thongsuot.ProbePortal, Public: true, Every: time.Minute, Timeout: time.Second, Do: func(context.Context) thongsuot.Result {
			return thongsuot.Result{Reason: thongsuot.ReasonOK}
		}}
		runs := agent.Paced(ctx, p, clock, m)
		apart := func(want time.Duration) {
			t.Helper()
			a := <-runs
			if b := <-runs; b.Began-a.Began != want {
				t.Errorf("%s apart, want %s", b.Began-a.Began, want)
			}
		}
		apart(time.Minute)
		m.Configure(false, true)
		<-runs // was due already
		apart(5 * time.Minute)
		m.Configure(false, false)
		<-runs
		apart(time.Minute)
		cancel()
		for range runs {
		}
	})
}
