// Package probes asks the world one question at a time and says what came back.
//
// A [Probe] is a name, a pace and a function; a constructor such as [NewTCP]
// makes one from a validated configuration. [Run] is the only right way to ask:
// it bounds the time, turns a panic or a hang into that probe's own failure and
// tidies the answer. Every answer has a reason, never a bare yes or no.
//
// Concurrency: probes are independent of each other. Runs of one probe never
// overlap: while one is stuck, the next answers [thongsuot.ReasonHang] at once,
// so a stuck probe costs one goroutine and no more. What a probe keeps between
// runs (a connection, a pause asked for by a server) lives in the probe alone.
//
// A result is not dated: Result.At is the caller's to fill.
package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"thongsuot"
)

// Probe is one question to the world.
type Probe struct {
	Name    string // unique within one agent
	Kind    thongsuot.ProbeKind
	Line    string        // line that it is bound to; "" for none
	Target  string        // what is asked, fit to be shown: no user, password or query
	Every   time.Duration // pace
	Public  bool          // asks a server of others, which is to be spared
	Timeout time.Duration // end of one run
	Do      func(ctx context.Context) thongsuot.Result
}

// grace is what a run gets after its timeout to notice it and clean up, before
// it counts as hung.
const grace = 500 * time.Millisecond

// Run asks once and returns within Timeout and half a second, whatever Do does.
//
// A run that does not come back is ReasonHang, a panic in Do is ReasonPanic. A
// failure while the caller cancels ctx is ReasonSkipped: stopping the agent
// says nothing about the world. Detail is cut to [thongsuot.MaxDetail].
func Run(ctx context.Context, p Probe) thongsuot.Result {
	if err := p.validate(); err != nil {
		return p.finish(fail(thongsuot.ReasonError, err))
	}
	inner, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()

	done := make(chan thongsuot.Result, 1)
	go func() {
		r := fail(thongsuot.ReasonPanic, errors.New("the probe ended its goroutine"))
		defer func() {
			if v := recover(); v != nil {
				r = fail(thongsuot.ReasonPanic, fmt.Errorf("panic: %v", v))
			}
			done <- r
		}()
		r = p.Do(inner)
	}()

	r := await(inner, done)
	if !r.OK() && errors.Is(ctx.Err(), context.Canceled) {
		r = fail(thongsuot.ReasonSkipped, errors.New("stopped before the answer came"))
	}
	return p.finish(r)
}

// await is the answer, or a hang once ctx and the grace after it are over.
func await(ctx context.Context, done <-chan thongsuot.Result) thongsuot.Result {
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
	}
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case r := <-done:
		return r
	case <-last.C:
		return fail(thongsuot.ReasonHang, errors.New("no end within the timeout"))
	}
}

func (p Probe) validate() error {
	switch {
	case p.Name == "":
		return errors.New("probe without a name")
	case p.Do == nil:
		return fmt.Errorf("probe %q has no question", p.Name)
	case p.Timeout <= 0:
		return fmt.Errorf("probe %q: timeout %s is not positive", p.Name, p.Timeout)
	}
	return nil
}

// finish stamps the answer with the question and makes it fit to be stored.
func (p Probe) finish(r thongsuot.Result) thongsuot.Result {
	r.Probe, r.Kind, r.Target = p.Name, p.Kind, cmp.Or(r.Target, p.Target) // one whose target changes says it itself
	r.Line = p.Line
	r.Detail = tidy(r.Detail)
	kept := r.Fields[:0:0]
	for _, f := range r.Fields {
		if !math.IsNaN(f.Value) && !math.IsInf(f.Value, 0) {
			kept = append(kept, f)
		}
	}
	r.Fields = kept
	return r
}

var urls = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"'<>]+`)

// tidy makes text one printable line without secrets that fits MaxDetail.
func tidy(s string) string {
	s = urls.ReplaceAllStringFunc(s, redact)
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.TrimSpace(s)
	if len(s) <= thongsuot.MaxDetail {
		return s
	}
	const cut = "…" // so that nobody takes half a word for the whole
	end := thongsuot.MaxDetail - len(cut)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}

// redact takes user, password, query and fragment out of a URL.
func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "[url]"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// newProbe puts a question into a Probe whose runs never overlap: a second run
// beside one that is stuck would only pile up goroutines.
func newProbe(kind thongsuot.ProbeKind, s schedule, target string, do func(context.Context) thongsuot.Result) Probe {
	free := make(chan struct{}, 1)
	free <- struct{}{}
	return Probe{
		Name: s.name, Kind: kind, Line: s.line, Target: target, Every: s.every, Timeout: s.timeoutOrDefault(),
		Do: func(ctx context.Context) thongsuot.Result {
			select {
			case <-free:
				defer func() { free <- struct{}{} }()
				return do(ctx)
			default:
				return fail(thongsuot.ReasonHang, errors.New("the run before has not come back yet"))
			}
		},
	}
}

// fail is an answer that is not the wanted one.
func fail(reason thongsuot.Reason, err error) thongsuot.Result {
	return thongsuot.Result{Reason: reason, Detail: err.Error()}
}

// schedule is what every configuration says beside its question.
type schedule struct {
	name           string
	every, timeout time.Duration
	line           string // that it is bound to, "" for none
}

// timeoutOrDefault leaves a fifth of the interval free, so that a run that
// times out is over before the next is due.
func (s schedule) timeoutOrDefault() time.Duration {
	if s.timeout == 0 {
		return s.every / 5 * 4
	}
	return s.timeout
}

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

func (s schedule) validate() error {
	return errors.Join(
		must(names.MatchString(s.name), "name: must be 1 to 40 of a-z, 0-9, '.', '_', '-' (got %q)", s.name),
		must(s.every >= time.Second && s.every <= 24*time.Hour, "every: must be 1s to 24h (got %s)", s.every),
		must(s.timeout >= 0 && s.timeout <= s.every/5*4,
			"timeout: must be at most 80 %% of every (%s), or 0 for just that (got %s)", s.every, s.timeout),
	)
}

// must is nil when ok holds, otherwise the complaint.
func must(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
