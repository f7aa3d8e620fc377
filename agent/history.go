package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// bootsKept bounds the history; a site with ten cuts a day fills it in a
	// month, which is as long as the spool reaches.
	bootsKept = 400
	// driftsKept bounds the corrections of one boot.
	driftsKept = 200
	// spoolSpan bounds how far back the first boot of all is looked for.
	spoolSpan = 40 * 24 * time.Hour
	// ahead is by how much a wall clock must be past the last sign of life
	// before it can be believed to have run through: a clock that was saved and
	// taken up again at the boot is never past it.
	ahead = 10 * time.Minute
)

// history is what is known of the boots of this machine, oldest first: enough
// to date their rounds, those of boots that never met the centre by the boots
// before and after them. It is kept in a file, so that a round is dated the
// same way each time. It may be used from several goroutines.
type history struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	boots []*bootFacts
	dirty bool
	retry time.Time // of a disk that did not take the file
}

// bootFacts are those of one boot.
type bootFacts struct {
	ID   string        `json:"id"`
	Last time.Duration `json:"last_ns"`       // newest sign of life, on CLOCK_BOOTTIME
	Wall time.Time     `json:"wall,omitzero"` // what the wall clock made of the boot's beginning, by the newest round
	// Zero is the centre's time at the beginning of the boot, learned or placed.
	Zero   time.Time     `json:"zero,omitzero"`
	Placed bool          `json:"placed,omitempty"`   // between its neighbours
	Doubt  time.Duration `json:"doubt_ns,omitempty"` // how far Zero may be off, when placed
	Drifts []drift       `json:"drifts,omitempty"`
}

// drift corrects what was measured while no answer came for long: at its end
// the next one showed how far the dates had gone astray.
type drift struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
	Off  time.Duration `json:"off_ns"` // to be added at To, and in proportion before
}

// loadHistory reads the file; one that is gone or damaged is begun anew, and
// the spool tells most of it again.
func loadHistory(path string, log *slog.Logger) *history {
	h := &history{path: path, log: log}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &h.boots)
	}
	if err != nil && !os.IsNotExist(err) {
		h.boots = nil
		log.Warn("history of boots not read; it is begun anew", "file", path, "err", err)
	}
	h.boots = slices.DeleteFunc(h.boots, func(b *bootFacts) bool { return b == nil || b.ID == "" })
	return h
}

func (h *history) of(boot string) *bootFacts {
	if i := slices.IndexFunc(h.boots, func(b *bootFacts) bool { return b.ID == boot }); i >= 0 {
		return h.boots[i]
	}
	return nil
}

// see takes in the stamp of a round that was found in the spool. Rounds come
// in the order in which they were written.
func (h *history) see(s Stamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.of(s.Boot)
	if b == nil {
		b = &bootFacts{ID: s.Boot}
		h.boots = append(h.boots, b)
	}
	if s.Boottime > b.Last {
		b.Last, b.Wall, h.dirty = s.Boottime, s.Wall.Add(-s.Boottime), true
	}
	if b.Zero.IsZero() && !s.Zero.IsZero() {
		b.Zero, h.dirty = s.Zero, true
	}
}

// begin notes that this boot follows all others.
func (h *history) begin(boot string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dirty = true
	now := h.of(boot)
	if now == nil {
		now = &bootFacts{ID: boot}
	}
	h.boots = slices.DeleteFunc(h.boots, func(b *bootFacts) bool { return b == now })
	h.boots = append(h.boots, now)
	h.boots = h.boots[max(len(h.boots)-bootsKept, 0):]
}

// anchored notes when this boot began by the centre's clock, and places the
// boots before it that never met the centre.
func (h *history) anchored(boot string, zero time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.of(boot); b != nil && (b.Zero.IsZero() || b.Placed) {
		b.Zero, b.Placed, b.Doubt, h.dirty = zero, false, 0, true
	}
	h.place()
}

// place finds a place for each run of boots without a date that stands before
// one with a date: they came after the last sign of life of the boot before
// them, one after the other, and were over when the next one began. What is
// left of that time is spread evenly, and is the doubt. A wall clock that ran
// through is the better guess, within the same bounds.
func (h *history) place() {
	for i := 0; i < len(h.boots); {
		if !h.boots[i].Zero.IsZero() {
			i++
			continue
		}
		end := i
		lives := time.Duration(0)
		for end < len(h.boots) && h.boots[end].Zero.IsZero() {
			lives += h.boots[end].Last
			end++
		}
		if end == len(h.boots) {
			return // nothing with a date follows yet
		}
		until := h.boots[end].Zero
		from := until.Add(-spoolSpan)
		if i > 0 {
			from = h.boots[i-1].Zero.Add(h.boots[i-1].Last)
		}
		slack := max(until.Sub(from)-lives, 0)
		for _, b := range h.boots[i:end] {
			b.Zero, b.Doubt = from.Add(slack/2), slack/2
			if after := b.Wall.Sub(from); after > ahead && after <= slack {
				b.Zero, b.Doubt = b.Wall, max(after, slack-after)
			}
			b.Zero, b.Placed, h.dirty = b.Zero.UTC(), true, true
			from = from.Add(b.Last)
		}
		i = end
	}
}

// drifted notes a correction for a boot.
func (h *history) drifted(boot string, d drift) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if b := h.of(boot); b != nil {
		b.Drifts = append(b.Drifts, d)
		b.Drifts = b.Drifts[max(len(b.Drifts)-driftsKept, 0):]
		h.dirty = true
	}
}

// correction is what is to be added to the date of something measured at a
// moment of a boot.
func (h *history) correction(boot string, at time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.of(boot)
	if b == nil {
		return 0
	}
	for _, d := range b.Drifts {
		if d.From < at && at < d.To {
			return time.Duration(float64(d.Off) * float64(at-d.From) / float64(d.To-d.From))
		}
	}
	return 0
}

// began is when a boot began by the centre's clock and how far that may be off.
func (h *history) began(boot string) (zero time.Time, doubt time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.of(boot)
	if b == nil || b.Zero.IsZero() {
		return time.Time{}, 0, false
	}
	return b.Zero, b.Doubt, true
}

// keep writes the file if anything changed.
func (h *history) keep() {
	h.mu.Lock()
	if !h.dirty || time.Now().Before(h.retry) {
		h.mu.Unlock()
		return
	}
	text, err := json.Marshal(h.boots)
	h.dirty = false
	h.mu.Unlock()
	if err == nil {
		err = writeDurably(h.path, string(text)+"\n")
	}
	if err != nil {
		h.mu.Lock()
		h.dirty, h.retry = true, time.Now().Add(time.Minute)
		h.mu.Unlock()
		h.log.Warn("history of boots not kept; rounds of boots that met no centre may be dated anew", "err", fmt.Errorf("%s: %w", h.path, err))
	}
}
