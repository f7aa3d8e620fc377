package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"thongsuot"
)

// The series that are asked for.
const (
	chartMetric  = string(thongsuot.ProbeICMP) + "_" + thongsuot.FieldRTTMedian
	chartProbe   = "reference"
	chartStep    = 2 * time.Minute
	portalMetric = string(thongsuot.ProbePortal) + "_" + thongsuot.FieldTotal
	asked        = 9 // times, of which the median counts
)

// liveSpan is what the centre is given. It stores measures of its own as time
// goes on, and samples more than an hour older than these go a longer way, that
// of a backlog; the day that the questions are about goes into a store alone.
const liveSpan = 40 * time.Minute

// taker is who takes samples in and answers questions about them.
type taker interface {
	// open starts it with an empty folder.
	open(ctx context.Context) error
	// request is one write.
	request(ctx context.Context, b body, span int) (*http.Request, error)
	// server is the program that runs.
	server() *server
	// weight ends it and tells what it keeps: bytes on its disk, and the samples
	// that they hold.
	weight(ctx context.Context) (bytes int64, samples int, note string, err error)
}

// asker answers the two questions of a page and of a planner: it returns how
// many points and how many lines came.
type asker interface {
	chart(ctx context.Context, site string) (points int, err error)
	portal(ctx context.Context) (lines int, err error)
}

// storing gives the same writes to the centre and to the stores that are
// installed, and asks them the same.
func storing(ctx context.Context, b *run) error {
	b.say(fmt.Sprintf("  simulating %d hours of %d sites", b.cfg.Hours, b.cfg.Sites))
	l, err := newLoad(ctx, b.cfg.Sites, time.Duration(b.cfg.Hours)*time.Hour)
	if err != nil {
		return err
	}
	live, err := newLoad(ctx, b.cfg.Sites, liveSpan)
	if err != nil {
		return err
	}
	b.say(fmt.Sprintf("  %.1f M samples, %.0f MB compressed", float64(l.samples)/1e6, float64(l.bytes)/1e6))
	for _, t := range []struct {
		name string
		taker
		load *load
	}{
		{ours, &centreTaker{run: b, load: live, day: l}, live},
		{"VictoriaMetrics", &victoriaTaker{run: b, load: l}, l},
		{"InfluxDB 1.x", &influxTaker{run: b, load: l}, l},
	} {
		err := b.takeIn(ctx, t.load, t.name, t.taker)
		if a, ok := t.taker.(asker); ok && err == nil {
			err = b.ask(ctx, l, t.name, a)
		}
		if err == nil {
			err = b.weigh(ctx, t.name, t.taker)
		}
		if s := t.server(); s != nil {
			s.kill()
		}
		if c, ok := t.taker.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && t.name == ours:
			return err
		case err != nil:
			b.leave(t.name+" with the same samples", "%v", err)
		}
	}
	return nil
}

func (b *run) takeIn(ctx context.Context, l *load, name string, t taker) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
	defer client.CloseIdleConnections()
	idle, err := cpu("/proc", t.server().pid())
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := l.post(ctx, client, t.request); err != nil {
		return fmt.Errorf("%w: its log ends:\n%s", err, &t.server().log)
	}
	took := time.Since(begin)
	worked, err := t.server().rest(ctx)
	if err != nil {
		return err
	}
	memory, err := resident("/proc", t.server().pid())
	if err != nil {
		return err
	}
	of := fmt.Sprintf("%d sites, %s, writes of %s, what they leave behind included; took %s", b.cfg.Sites, l.to.Sub(l.from), postSpan, took.Round(time.Second))
	b.add(Figure{What: "samples taken in a CPU second", Of: name, Value: float64(l.samples) / (worked - idle).Seconds(), Unit: "", More: true, Bar: ownBar(name, 0.5e6), Note: of})
	b.add(Figure{What: "memory of the store's server", Of: name, Value: float64(memory) / 1e6, Unit: "MB", Note: "after that"})
	return nil
}

func (b *run) weigh(ctx context.Context, name string, t taker) error {
	bytes, samples, note, err := t.weight(ctx)
	if err != nil {
		return err
	}
	if samples == 0 {
		b.leave("bytes a sample of "+name, "%s", note)
		return nil
	}
	b.add(Figure{What: "bytes a sample", Of: name, Value: float64(bytes) / float64(samples), Unit: "B", Bar: ownBar(name, 2.2), Note: note})
	return nil
}

// ownBar is a bar for us; a peer has none.
func ownBar(name string, v float64) *float64 {
	if name != ours {
		return nil
	}
	return bar(v)
}

// ask times the questions, once they have been asked once.
func (b *run) ask(ctx context.Context, l *load, name string, a asker) error {
	if _, err := a.chart(ctx, l.codes[0]); err != nil { // the first opens what is needed
		return fmt.Errorf("chart: %w", err)
	}
	var charts, portals []time.Duration
	for i := range asked {
		begin := time.Now()
		points, err := a.chart(ctx, l.codes[i%len(l.codes)])
		charts = append(charts, time.Since(begin))
		if err != nil {
			return fmt.Errorf("chart: %w", err)
		}
		if want := int(min(24*time.Hour, l.to.Sub(l.from))/chartStep) - 2; points < want {
			return fmt.Errorf("chart: %d points, want %d", points, want)
		}
	}
	for range asked {
		begin := time.Now()
		lines, err := a.portal(ctx)
		portals = append(portals, time.Since(begin))
		if err != nil {
			return fmt.Errorf("p95 of the portal: %w", err)
		}
		if lines != len(l.codes) {
			return fmt.Errorf("p95 of the portal: %d sites of %d", lines, len(l.codes))
		}
	}
	slices.Sort(charts)
	slices.Sort(portals)
	span := fmt.Sprintf("median of %d, worst %%s; %d h are there", asked, b.cfg.Hours)
	b.add(Figure{What: "chart of 24 h of one series", Of: name, Value: ms(middle(charts)), Unit: "ms", Bar: ownBar(name, 20), Note: fmt.Sprintf(span, charts[asked-1].Round(time.Microsecond*100))})
	b.add(Figure{What: "p95 of the portal for every site over a day", Of: name, Value: ms(middle(portals)), Unit: "ms", Bar: ownBar(name, 1000), Note: fmt.Sprintf(span, portals[asked-1].Round(time.Millisecond))})
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
