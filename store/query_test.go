package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/store"
)

// endless is a query that takes many seconds.
var endless = strings.Repeat("count_over_time((vector(1)+vector(1))[59d:10s]) + ", 50) + "1"

func TestQueryLimits(t *testing.T) {
	f := func(want string, change func(*store.Config)) {
		t.Helper()
		cfg := configAt(t.TempDir(), today)
		change(&cfg)
		s := mustOpen(t, cfg, prometheus.NewRegistry())
		_, err := s.Range(t.Context(), endless, today.Add(-900*time.Minute), today, time.Minute)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), endless) {
			t.Errorf("range gives %v, want %q and the query", err, want)
		}
	}
	f("timed out", func(c *store.Config) { c.QueryTimeout = time.Millisecond })
	f("too many samples", func(c *store.Config) { c.QueryMaxSamples = 10 })
}

// The engine would reserve memory for every step first: 45 GB for one of these.
func TestSubqueriesAreBounded(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	f := func(query string) {
		t.Helper()
		if _, err := s.Instant(t.Context(), query, today); err == nil || !strings.Contains(err.Error(), "take a longer step") {
			t.Errorf("%s gives %v, want that it has too many steps", query, err)
		}
	}
	f("count_over_time(vector(1)[59d:1ms])")
	f("1 + sum(max_over_time(count_over_time(ok[1m])[5000d:1m]))")
	f("max_over_time(min_over_time(vector(1)[1h:10ms])[1d:1h])")
	if _, err := s.Range(t.Context(), "count_over_time(vector(1)[1m:1s])", today.AddDate(0, 0, -30), today, time.Hour); err == nil {
		t.Error("2.6 million steps over the span of a range are answered")
	}
	// The engine looks at its timeout between series only, so a window of a year at each of many steps is refused.
	year := "quantile_over_time(0.95, ok[365d])"
	if _, err := s.Range(t.Context(), year, today.Add(-10_000*time.Minute), today, time.Minute); err == nil {
		t.Error("10,001 looks at a year of samples are answered")
	}
	if _, err := s.Range(t.Context(), year, today.Add(-time.Hour), today, time.Minute); err != nil {
		t.Errorf("61 looks at a year of samples: %v", err)
	}
	got, err := s.Instant(t.Context(), "count_over_time(vector(1)[1h:])", today)
	if err != nil || len(got) != 1 || got[0].Points[0].Value != 60 {
		t.Errorf("the minutes of an hour are %+v, %v; want 60", got, err)
	}
}

// Close does not wait for queries, it ends them.
func TestCloseEndsQueries(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		close(started)
		_, err := s.Range(t.Context(), endless, today.Add(-900*time.Minute), today, time.Minute)
		ended <- err
	}()
	<-started
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("the query ends with %v, want ErrClosed", err)
	}
}

func TestLookback(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today, 7))
	f := func(after time.Duration, want int) {
		t.Helper()
		got, err := s.Instant(t.Context(), "ok", today.Add(after))
		if err != nil || len(got) != want {
			t.Errorf("%s later: %d series, %v; want %d", after, len(got), err, want)
		}
	}
	f(0, 1)
	f(2*time.Minute, 1)
	f(150*time.Second, 0)
	f(-time.Millisecond, 0)
}

func TestAnswers(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today, 7))
	got, err := s.Instant(t.Context(), "sum by (site) (ok)", today)
	if err != nil || len(got) != 1 || got[0].Metric != "" || len(got[0].Labels) != 1 {
		t.Errorf("a computed series is %+v, %v; want no metric and the label site", got, err)
	}
	if got[0].Points[0].At != today {
		t.Errorf("a point is at %s, want %s", got[0].Points[0].At, today)
	}
	// An answer stays what it is while others are computed.
	for range 10 {
		if _, err := s.Range(t.Context(), "ok*100", today.Add(-time.Hour), today, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if got[0].Points[0].Value != 7 {
		t.Errorf("an answer became %v, want 7", got[0].Points[0].Value)
	}
}
