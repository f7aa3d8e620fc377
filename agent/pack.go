package agent

import (
	"cmp"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/wire"
)

// tellDoubt is the doubt of a date from which it is told: what is dated by the
// centre's clock is not off by more.
const tellDoubt = 2 * time.Second

// unit is what is delivered or refused as one: a round as it was measured, or
// the quiet rounds of one minute summed up.
type unit struct {
	entries []entry // oldest first
	lines   []string
}

func (u unit) seqs() (out []uint64) {
	for _, e := range u.entries {
		out = append(out, e.seq)
	}
	return out
}

// batch is one post: units of one boot.
type batch struct {
	boot  string
	lane  string
	again bool
	units []unit
}

func (b batch) seqs() (out []uint64) {
	for _, u := range b.units {
		out = append(out, u.seqs()...)
	}
	return out
}

func (b batch) lines() (out []string) {
	for _, u := range b.units {
		out = append(out, u.lines...)
	}
	return out
}

// packer turns rounds into what crosses the wire.
type packer struct {
	clock  *Clock
	phase  time.Duration // of this site's minutes
	giveUp func(reason string, seq uint64, err error)
}

// units sums up the quiet rounds of each minute. A minute in which something
// changed crosses as it was measured. The same rounds always make the same
// units, so that a post that is repeated says nothing else than before.
func (p packer) units(entries []entry, sumUp bool) []unit {
	of := func(e entry) int64 { return minuteOf(e.stamp.Boottime, p.phase) }
	loud := map[int64]bool{}
	for _, e := range entries {
		loud[of(e)] = loud[of(e)] || !e.quiet
	}
	var out []unit
	at := map[int64]int{}
	for _, e := range entries {
		i, open := at[of(e)]
		if !sumUp || loud[of(e)] || !open {
			at[of(e)] = len(out)
			out = append(out, unit{entries: []entry{e}})
			continue
		}
		out[i].entries = append(out[i].entries, e)
	}
	return out
}

// say dates and encodes a unit; ok is false when nothing of it can be said.
func (p packer) say(u unit) (unit, bool) {
	var all []measured
	for _, e := range u.entries {
		for _, m := range e.results {
			m.At = p.clock.Date(e.stamp, m.began)
			all = append(all, m)
		}
	}
	if len(u.entries) > 1 {
		all = summarise(all)
	}
	doubt := p.clock.Doubt(u.entries[0].stamp)
	results := make([]thongsuot.Result, 0, len(all))
	for _, m := range all {
		if doubt > tellDoubt {
			m.Fields = append(slices.Clone(m.Fields), thongsuot.Field{Name: thongsuot.FieldClockError, Value: doubt.Seconds()})
		}
		results = append(results, m.Result)
	}
	lines, err := wire.Encode(results)
	if err != nil {
		for _, seq := range u.seqs() {
			p.giveUp("unsayable", seq, err)
		}
		return u, false
	}
	u.lines = lines
	return u, true
}

// pack makes one post of rounds of one boot; what is too much for one post
// waits for the next. Rounds that cannot be said are returned in lost.
func (p packer) pack(entries []entry, sumUp bool) (b batch, lost []uint64) {
	lines, runs := 0, 0
	for _, u := range p.units(entries, sumUp) {
		b.boot = u.entries[0].stamp.Boot
		said, ok := p.say(u)
		if !ok {
			lost = append(lost, u.seqs()...)
			continue
		}
		lines += len(said.lines)
		runs = len(rangesOf(append(b.seqs(), said.seqs()...)))
		if len(b.units) > 0 && (lines > wire.MaxLines/2 || runs > wire.MaxSeqRuns) {
			break
		}
		b.units = append(b.units, said)
	}
	return b, lost
}

// read unpacks spooled records of one boot, that of the first, oldest first.
// more says that older ones wait: then the oldest minute may not be whole, and
// is left for the next time.
func (p packer) read(records []spool.Record, more bool) (entries []entry, lost []uint64) {
	for _, rec := range records {
		r, err := unmarshalRound(rec.Payload)
		if err != nil {
			p.giveUp("unreadable", rec.Seq, err)
			lost = append(lost, rec.Seq)
			continue
		}
		entries = append(entries, entry{rec.Seq, r})
	}
	if len(entries) == 0 {
		return nil, lost
	}
	first, last := entries[0], entries[len(entries)-1] // events come first, then the newest samples
	if more && last.quiet {
		whole := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
			return e.quiet && e.stamp.Boot == last.stamp.Boot && minuteOf(e.stamp.Boottime, p.phase) == minuteOf(last.stamp.Boottime, p.phase)
		})
		if len(whole) > 0 {
			entries = whole
		}
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool { return e.stamp.Boot != first.stamp.Boot })
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	return entries, lost
}
