package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"thongsuot"
)

// A province that returns: every post marks one more record.
func BenchmarkMarkSeq(b *testing.B) {
	l, _ := fresh(b)
	for n := uint64(0); b.Loop(); n++ {
		must(b, l.MarkSeq(b.Context(), fmt.Sprint("site", n%124), "boot", n/124, n/124))
	}
}

// A post that was seen before.
func BenchmarkSeenSeq(b *testing.B) {
	l, _ := fresh(b)
	for n := range uint64(124) {
		must(b, l.MarkSeq(b.Context(), fmt.Sprint("site", n), "boot", 1, 1_000_000))
	}
	for b.Loop() {
		if ok, err := l.SeenSeq(b.Context(), "site100", "boot", 77, 99); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}

// The last week of three years with 100,000 incidents, as the overview asks.
func BenchmarkIncidents(b *testing.B) {
	l, _ := fresh(b)
	const n, apart = 100_000, 15 // minutes
	batch := make([]thongsuot.Change, 0, n)
	for i := range n {
		batch = append(batch, at(fmt.Sprint("site", i%124), ended(change(fmt.Sprint(i), 1, i*apart), time.Hour)))
	}
	must(b, l.Record(b.Context(), batch))
	end := begin.Add(n * apart * time.Minute)
	for _, site := range []string{"", "site7"} {
		b.Run("site="+site, func(b *testing.B) {
			for b.Loop() {
				got, err := l.Incidents(b.Context(), site, end.Add(-7*24*time.Hour), end, 500)
				if err != nil || len(got) == 0 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
