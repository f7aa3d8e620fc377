package conserve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// Row is the account of one fault.
type Row struct {
	Fault      string  `json:"fault"`
	Times      int     `json:"times"`      // how often it was done
	Answered   int     `json:"answered"`   // by the witness
	InHand     int     `json:"in_hand"`    // of these, on no disk yet when the agent was killed
	Produced   int     `json:"produced"`   // the rest
	Stored     int     `json:"stored"`     // of these
	Duplicated int     `json:"duplicated"` // stored at a second time too
	Dropped    int     `json:"dropped"`    // given up by the agent, and counted there
	Misdated   int     `json:"misdated"`   // stored more than five seconds from when it was
	Foreign    int     `json:"foreign"`    // stored, and never answered
	Lost       int     `json:"unaccounted"`
	Seconds    float64 `json:"seconds"`
	Error      string  `json:"error,omitempty"`
}

// OK reports whether nothing is lost, doubled or wrong.
func (r Row) OK() bool {
	return r.Error == "" && r.Lost == 0 && r.Duplicated == 0 && r.Misdated == 0 && r.Foreign == 0 && r.Produced > 0
}

// Heading names the columns of Print.
func Heading(w io.Writer) {
	fmt.Fprintf(w, "%-14s %6s %9s %9s %7s %11s %8s %12s %8s\n", "fault", "times", "produced", "stored", "in hand", "duplicated", "dropped", "unaccounted", "seconds")
}

// Print writes the row for people.
func (r Row) Print(w io.Writer) {
	fmt.Fprintf(w, "%-14s %6d %9d %9d %7d %11d %8d %12d %8.0f", r.Fault, r.Times, r.Produced, r.Stored, r.InHand, r.Duplicated, r.Dropped, r.Lost, r.Seconds)
	if r.Misdated+r.Foreign > 0 {
		fmt.Fprintf(w, "  misdated %d, never answered %d", r.Misdated, r.Foreign)
	}
	fmt.Fprintln(w)
	if r.Error != "" {
		fmt.Fprintln(w, "  error:", r.Error)
	}
}

// metricLength is where the length of an answer is stored.
const metricLength = string(thongsuot.ProbePortal) + "_" + thongsuot.FieldBodyBytes

const misdate = 5 * time.Second

// count compares what the witness answered with what the store holds. The
// programs have ended.
func (h *house) count(ctx context.Context, row *Row) error {
	found, err := h.stored(ctx)
	if err != nil {
		return err
	}
	w := h.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	for probe, served := range w.served {
		for i, at := range served {
			row.Answered++
			times := found[probe][i+1]
			delete(found[probe], i+1)
			switch {
			case len(times) > 0:
				row.Stored++
				row.Duplicated += len(times) - 1
				if times[0].Sub(at).Abs() > misdate {
					row.Misdated++
				}
			case w.inHand(at):
				row.InHand++
			default:
				row.Lost++
			}
		}
	}
	for _, rest := range found {
		row.Foreign += len(rest)
	}
	row.Produced = row.Answered - row.InHand
	counted := min(row.Dropped, row.Lost)
	row.Lost -= counted
	return nil
}

// stored are the times at which each length is stored, by probe.
func (h *house) stored(ctx context.Context) (map[string]map[int][]time.Time, error) {
	cfg := store.DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes = filepath.Join(h.centreDisk.mount, "data", "store"), 0
	s, err := store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	defer s.Close()
	out := map[string]map[int][]time.Time{}
	for i := range probeCount {
		probe := probeName(i)
		out[probe] = map[int][]time.Time{}
		selector := store.Selector(metricLength, thongsuot.Label{Name: thongsuot.LabelSite, Value: siteCode}, thongsuot.Label{Name: thongsuot.LabelProbe, Value: probe})
		series, err := s.Instant(ctx, selector+"[24h]", time.Now().Add(time.Minute))
		if err != nil {
			return nil, err
		}
		for _, one := range series {
			for _, p := range one.Points {
				if n := int(p.Value); n > 0 { // 0: answers after the end of the count
					out[probe][n] = append(out[probe][n], p.At)
				}
			}
		}
	}
	return out, nil
}
