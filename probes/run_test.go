package probes_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"thongsuot"
	"thongsuot/probes"
)

type doFunc = func(context.Context) thongsuot.Result

func probe(do doFunc) probes.Probe {
	return probes.Probe{Name: "p", Kind: thongsuot.ProbeTCP, Target: "t:1", Every: 10 * time.Second, Timeout: 8 * time.Second, Do: do}
}

func TestRunStampsTheAnswer(t *testing.T) {
	r := probes.Run(t.Context(), probe(func(context.Context) thongsuot.Result {
		return thongsuot.Result{Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{
			{Name: "a", Value: math.NaN()}, {Name: "b", Value: 1}, {Name: "c", Value: math.Inf(1)},
		}}
	}))
	if r.Probe != "p" || r.Kind != thongsuot.ProbeTCP || r.Target != "t:1" || !r.OK() || !r.At.IsZero() {
		t.Errorf("got %+v", r)
	}
	if len(r.Fields) != 1 || r.Fields[0].Name != "b" {
		t.Errorf("fields are %v, want only the finite one", r.Fields)
	}
}

func TestRunEndsWhateverTheProbeDoes(t *testing.T) {
	f := func(what string, do func(ctx context.Context, never chan struct{}) thongsuot.Result, reason thongsuot.Reason, took time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			never := make(chan struct{})
			defer close(never) // so that nothing outlives the test
			begin := time.Now()
			r := probes.Run(t.Context(), probe(func(ctx context.Context) thongsuot.Result { return do(ctx, never) }))
			if r.Reason != reason || time.Since(begin) != took || r.Detail == "" {
				t.Errorf("%s: %s after %s (%q), want %s after %s", what, r.Reason, time.Since(begin), r.Detail, reason, took)
			}
		})
	}
	type none = chan struct{}
	f("hangs", func(_ context.Context, never none) thongsuot.Result {
		<-never
		return thongsuot.Result{}
	}, thongsuot.ReasonHang, 8500*time.Millisecond)
	f("heeds its end", func(ctx context.Context, _ none) thongsuot.Result {
		<-ctx.Done()
		return thongsuot.Result{Reason: thongsuot.ReasonTimeout, Detail: "timed out"}
	}, thongsuot.ReasonTimeout, 8*time.Second)
	f("panics", func(context.Context, none) thongsuot.Result { panic("boom") }, thongsuot.ReasonPanic, 0)
	f("panics in the runtime", func(context.Context, none) thongsuot.Result {
		var none []thongsuot.Result
		return none[len(t.Name())]
	}, thongsuot.ReasonPanic, 0)
	f("ends its goroutine", func(context.Context, none) thongsuot.Result {
		runtime.Goexit()
		return thongsuot.Result{}
	}, thongsuot.ReasonPanic, 0)
}

// Stopping the agent is no evidence against the world, but an answer that came is kept.
func TestRunCancelled(t *testing.T) {
	f := func(reason, want thongsuot.Reason) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			r := probes.Run(ctx, probe(func(inner context.Context) thongsuot.Result {
				cancel()
				<-inner.Done()
				return thongsuot.Result{Reason: reason, Detail: "d"}
			}))
			if r.Reason != want {
				t.Errorf("%s while stopped is %s, want %s", reason, r.Reason, want)
			}
		})
	}
	f(thongsuot.ReasonTimeout, thongsuot.ReasonSkipped)
	f(thongsuot.ReasonOK, thongsuot.ReasonOK)
}

func TestRunRefusesNonsense(t *testing.T) {
	f := func(p probes.Probe, words string) {
		t.Helper()
		if r := probes.Run(t.Context(), p); r.Reason != thongsuot.ReasonError || !strings.Contains(r.Detail, words) {
			t.Errorf("got %s %q, want an error with %q", r.Reason, r.Detail, words)
		}
	}
	ok := func(context.Context) thongsuot.Result { return thongsuot.Result{Reason: thongsuot.ReasonOK} }
	f(probes.Probe{Timeout: time.Second, Do: ok}, "without a name")
	f(probes.Probe{Name: "x", Timeout: time.Second}, `"x" has no question`)
	f(probes.Probe{Name: "x", Do: ok}, "timeout 0s")
}

func TestDetailIsTidy(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := probes.Tidy(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	f("", "")
	f("  one\ntwo\x00 ", "one two")
	f("bad \xff byte", "bad ? byte")
	f(`Get "https://u:geheim@host.vn:8443/a?token=geheim#x": refused`, `Get "https://host.vn:8443/a": refused`)
	f("at HTTP://host/?q=1 twice http://h?a", "at http://host/ twice http://h")
	f("x://%zz?secret", "[url]")
	f(strings.Repeat("a", 121), strings.Repeat("a", 117)+"…")
	f(strings.Repeat("a", 116)+"ếế", strings.Repeat("a", 116)+"…") // three bytes, of which one would fit beside the mark
	f(strings.Repeat("a", 117)+"ế", strings.Repeat("a", 117)+"ế")
}

func FuzzTidy(f *testing.F) {
	f.Add("Kính gửi: mất điện ở https://a:b@c/?d")
	f.Fuzz(func(t *testing.T, s string) {
		got := probes.Tidy(s)
		if len(got) > thongsuot.MaxDetail || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

// A file of the kernel that does not return, here a pipe nobody writes to,
// holds up one goroutine and no more; when it comes back, so does the probe.
func TestStuckProbeDoesNotPileUp(t *testing.T) {
	proc := t.TempDir()
	pipe := filepath.Join(proc, "sys/kernel/random/boot_id")
	write(t, filepath.Join(proc, "uptime"), "12.5 3.0\n")
	write(t, pipe, "")
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := probes.DefaultBootConfig()
	cfg.Name, cfg.Proc, cfg.Timeout = "boot", proc, 50*time.Millisecond
	p := must(probes.NewBoot(cfg))
	want(t, probes.Run(t.Context(), p), thongsuot.ReasonHang)

	before := runtime.NumGoroutine()
	for range 20 {
		r := probes.Run(t.Context(), p)
		want(t, r, thongsuot.ReasonHang)
		if !strings.Contains(r.Detail, "run before") {
			t.Fatalf("detail is %q: the question was asked again", r.Detail)
		}
	}
	if after := runtime.NumGoroutine(); after > before+1 {
		t.Errorf("%d goroutines grew to %d", before, after)
	}

	w := must(os.OpenFile(pipe, os.O_WRONLY, 0))
	must(w.WriteString("0e1cb0ee-1ff5-4ac0-a2a2-2cb1d4a5ec3f\n"))
	w.Close()
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	write(t, pipe, "0e1cb0ee-1ff5-4ac0-a2a2-2cb1d4a5ec3f\n")
	each(t, "the probe comes back", func() bool { return probes.Run(t.Context(), p).OK() })
}
