package central

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/wire"
)

// batch is one write, read.
type batch struct {
	site   string
	header wire.Header // zero for a foreign client
	body   []byte
	points []wire.Point
	bad    []wire.LineError
}

// sorted is a batch, split into what is stored and what never will be.
type sorted struct {
	samples []thongsuot.Sample
	results []thongsuot.Result
	bad     []wire.LineError // in the order of lines
	texts   int              // fields of foreign clients that cannot be samples
	over    int              // samples of too many series, in lines that are otherwise stored
	late    bool             // a line was refused for its time or its series, not for its shape
}

// sort finds the lines that will never be stored. A line is refused as a whole
// when none of its samples may be stored.
func (in *ingest) sort(b batch) sorted {
	s := sorted{bad: b.bad}
	refuse := func(p wire.Point, err error) {
		s.bad = append(s.bad, wire.LineError{Line: p.Line, Err: err})
		s.late = true
	}
	for _, p := range b.points {
		if err := in.store.Takes(p.At); err != nil {
			refuse(p, err)
			continue
		}
		r, ours := p.Result()
		samples := p.Samples(b.site)
		if ours {
			samples = append(samples, wire.ReasonSample(b.site, r))
		} else {
			s.texts += len(p.Texts)
		}
		kept, over := in.series.admit(b.site, samples)
		in.lost.WithLabelValues("series").Add(float64(over))
		if len(kept) == 0 && over > 0 {
			refuse(p, fmt.Errorf("more than %d series of one site", in.series.most))
			continue
		}
		s.over += over
		s.samples = append(s.samples, kept...)
		if ours {
			s.results = append(s.results, r)
		}
	}
	slices.SortFunc(s.bad, func(a, b wire.LineError) int { return a.Line - b.Line })
	return s
}

// keep stores the points and tells the incident engine what they say. Lines
// that will never be stored are a failure of the outcome "partial" when others
// are, and of "refused" when there is nothing else.
func (in *ingest) keep(ctx context.Context, w http.ResponseWriter, b batch) (outcome string, err error) {
	s := in.sort(b)
	refused, err := in.store.Append(ctx, s.samples)
	if err != nil {
		return "", err
	}
	if b.header.Boot != "" {
		in.guard.started(b.site, b.header.Start)
		o := incident.Observation{Site: b.site, At: in.now(), Start: b.header.Start, Boot: b.header.Running, Results: s.results}
		if err := in.loop.observe(ctx, o); err != nil {
			return "", err
		}
	}
	stored := len(s.samples) - refused
	in.samples.Add(float64(stored))
	in.lost.WithLabelValues("sample").Add(float64(refused))
	in.lost.WithLabelValues("line").Add(float64(len(s.bad)))
	in.lost.WithLabelValues("text").Add(float64(s.texts))
	w.Header().Set(wire.HeaderAccepted, strconv.Itoa(stored))
	w.Header().Set(wire.HeaderRefused, strconv.Itoa(refused+s.over+len(s.bad)))
	if len(s.bad) > 0 {
		return "", in.partly(w, b, s, stored)
	}
	if stored == 0 && refused > 0 {
		return "", refuse(http.StatusUnprocessableEntity, "unprocessable entity", "refused",
			"none of %d samples stored: not finite, or another value at the same time", refused)
	}
	return "stored", nil
}

// partly says which lines were refused, to the sender, in the log and in the
// file of the site.
func (in *ingest) partly(w http.ResponseWriter, b batch, s sorted, stored int) *failure {
	lines := make([]int, len(s.bad))
	for i, e := range s.bad {
		lines[i] = e.Line
	}
	w.Header().Set(wire.HeaderLines, wire.FormatLines(lines))
	first := s.bad[0]
	in.log.Warn("lines of a write refused", "site", b.site, "lines", len(s.bad), "of", len(b.points)+len(b.bad), "first", first.Error())
	if err := in.quarantine.keep(b.site, b.body, s.bad); err != nil {
		in.log.Error("what was refused is not on record", "err", err)
	}
	status, code := http.StatusBadRequest, "invalid"
	if s.late && len(b.bad) == 0 {
		status, code = http.StatusUnprocessableEntity, "unprocessable entity"
	}
	f := refuse(status, code, "partial", "partial write: %v; %d of %d lines refused, the others stored", first, len(s.bad), len(b.points)+len(b.bad))
	if stored == 0 && len(b.points)+len(b.bad) == len(s.bad) {
		f = refuse(status, code, "refused", "unable to take any of %d lines: %v", len(s.bad), first)
	}
	f.line = first.Line
	return f
}
