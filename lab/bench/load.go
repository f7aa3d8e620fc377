package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
	"thongsuot/store"
	"thongsuot/wire"
)

// postSpan is how much of a site one write holds: what an agent sends of a
// short outage.
const postSpan = 10 * time.Minute

// writers post at one time.
const writers = 4

// load is what many sites measured, as the bodies of writes in the order of
// time. Everyone who takes it in gets the same bytes.
type load struct {
	from, to time.Time
	codes    []string
	spans    [][]body // of postSpan each; one body a site
	samples  int      // fields in all
	bytes    int64    // compressed
}

// body is one write.
type body struct {
	site    int
	records int // that the agent's spool would have held
	gzip    []byte
}

// newLoad simulates the sites over the span before now.
func newLoad(ctx context.Context, sites int, span time.Duration) (*load, error) {
	to := time.Now().Truncate(postSpan)
	l := &load{from: to.Add(-span), to: to}
	rounds := make([]*sim.Rounds, sites)
	for i := range rounds {
		l.codes = append(l.codes, fmt.Sprint(20001+i))
		s := sim.NewSite(1, l.codes[i])
		s.Born = l.from.Add(-time.Hour)
		rounds[i] = sim.NewRounds(s.With(nil), sim.RealPace())
	}
	var mu sync.Mutex // guards samples and bytes
	for at := l.from; at.Before(to); at = at.Add(postSpan) {
		span := make([]body, sites)
		err := each(ctx, sites, func(i int) error {
			b, samples, err := pack(l.codes[i], rounds[i], at)
			mu.Lock()
			defer mu.Unlock()
			l.samples += samples
			l.bytes += int64(len(b.gzip))
			b.site = i
			span[i] = b
			return err
		})
		if err != nil {
			return nil, err
		}
		l.spans = append(l.spans, span)
	}
	return l, nil
}

// pack makes the write of one site that begins at a time. The lines name their
// site: our centre knows it from the token and looks at no such tag, others
// need it.
func pack(code string, r *sim.Rounds, at time.Time) (b body, samples int, err error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	pace := sim.RealPace().Round
	for d := time.Duration(0); d < postSpan; d += pace {
		results := r.At(at.Add(d))
		b.records++
		for _, one := range results {
			samples += len(one.Fields) + 1 // and ok
		}
		lines, err := wire.Encode(results)
		if err != nil {
			return b, 0, err
		}
		for _, line := range lines {
			kind, rest, _ := strings.Cut(line, ",")
			if _, err := fmt.Fprintf(z, "%s,%s=%s,%s\n", kind, thongsuot.LabelSite, code, rest); err != nil {
				return b, 0, err
			}
		}
	}
	if err := z.Close(); err != nil {
		return b, 0, err
	}
	b.gzip = out.Bytes()
	return b, samples, nil
}

// post writes everything, one span after the other.
func (l *load) post(ctx context.Context, client *http.Client, request func(ctx context.Context, b body, span int) (*http.Request, error)) error {
	for n, span := range l.spans {
		err := each(ctx, len(span), func(i int) error {
			req, err := request(ctx, span[i], n)
			if err != nil {
				return err
			}
			req.Header.Set("Content-Encoding", "gzip")
			return do(client, req)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each does something for 0 to n-1, a few at a time, until one fails.
func each(ctx context.Context, n int, f func(int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// pour puts everything into a store, as the centre would, without the centre.
func (l *load) pour(ctx context.Context, st *store.Store) error {
	precision, err := wire.ParsePrecision("ms")
	if err != nil {
		return err
	}
	for _, span := range l.spans {
		for _, b := range span {
			z, err := gzip.NewReader(bytes.NewReader(b.gzip))
			if err != nil {
				return err
			}
			text, err := io.ReadAll(z)
			if err != nil {
				return err
			}
			points, bad, err := wire.Decode(text, precision, time.Now())
			if err != nil || len(bad) > 0 {
				return fmt.Errorf("%d lines of the load are bad: %w", len(bad), err)
			}
			var samples []thongsuot.Sample
			for _, p := range points {
				samples = append(samples, p.Samples(l.codes[b.site])...)
			}
			if _, err := st.Append(ctx, samples); err != nil {
				return err
			}
		}
	}
	return nil
}

// do sends a request that must be answered well.
func do(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s: %s", req.URL.Path, resp.Status, text)
	}
	return err
}
