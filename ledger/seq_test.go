package ledger_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"thongsuot/ledger"
)

func seen(t *testing.T, l *ledger.Ledger, site, boot string, from, to uint64) bool {
	t.Helper()
	ok, err := l.SeenSeq(t.Context(), site, boot, from, to)
	must(t, err)
	return ok
}

func TestSeqByPlaceAndBoot(t *testing.T) {
	l, _ := fresh(t)
	must(t, l.MarkSeq(t.Context(), "24673", "b1", 5, 9))
	f := func(site, boot string, from, to uint64, want bool) {
		t.Helper()
		if got := seen(t, l, site, boot, from, to); got != want {
			t.Errorf("%s %s %d-%d seen: %v, want %v", site, boot, from, to, got, want)
		}
	}
	f("24673", "b1", 5, 9, true)
	f("24673", "b1", 6, 6, true)
	f("24673", "b1", 4, 9, false)
	f("24673", "b1", 9, 10, false)
	f("24673", "b1", 0, 0, false)
	f("24673", "b2", 5, 9, false)
	f("24676", "b1", 5, 9, false)
}

// TestSeqAgainstSet marks at random, as lanes and retries do, and compares with
// a set of numbers: what is seen, and that the ranges are as few as can be.
func TestSeqAgainstSet(t *testing.T) {
	l, path := fresh(t)
	db := raw(t, path)
	r := rand.New(rand.NewPCG(7, 11))
	const numbers = 64
	for round := range 10 {
		boot := fmt.Sprint("b", round)
		var set [numbers]bool
		for range 25 {
			var ranges [][2]uint64
			for range 1 + r.IntN(3) {
				from := r.Uint64N(numbers)
				to := min(from+r.Uint64N(5), numbers-1)
				ranges = append(ranges, [2]uint64{from, to})
				for n := from; n <= to; n++ {
					set[n] = true
				}
			}
			must(t, l.MarkSeqs(t.Context(), "24673", boot, ranges))
			runs := 0
			for n, in := range set {
				if in && (n == 0 || !set[n-1]) {
					runs++
				}
			}
			var rows int
			must(t, db.QueryRow("SELECT count(*) FROM seq_ranges WHERE boot = ?", boot).Scan(&rows))
			if rows != runs {
				t.Fatalf("%s: %d ranges after %v, want %d", boot, rows, ranges, runs)
			}
			from := r.Uint64N(numbers)
			want := true
			for to := from; to < numbers && to < from+8; to++ {
				want = want && set[to]
				if got := seen(t, l, "24673", boot, from, to); got != want {
					t.Fatalf("%s: %d-%d seen: %v, want %v", boot, from, to, got, want)
				}
			}
		}
	}
}

func TestSeqAtTheEnds(t *testing.T) {
	l, path := fresh(t)
	const last = math.MaxInt64
	for _, r := range [][2]uint64{{last, last}, {0, 0}, {2, last - 1}, {1, 1}, {0, last}} {
		must(t, l.MarkSeq(t.Context(), "24673", "b1", r[0], r[1]))
	}
	var first, end int64
	must(t, raw(t, path).QueryRow("SELECT first, last FROM seq_ranges").Scan(&first, &end))
	if first != 0 || end != last || !seen(t, l, "24673", "b1", 0, last) {
		t.Errorf("one range %d to %d", first, end)
	}
	f := func(from, to uint64) {
		t.Helper()
		if err := l.MarkSeq(t.Context(), "24673", "b2", from, to); err == nil {
			t.Errorf("%d to %d is marked", from, to)
		}
		if _, err := l.SeenSeq(t.Context(), "24673", "b2", from, to); err == nil {
			t.Errorf("%d to %d is looked for", from, to)
		}
	}
	f(2, 1)
	f(1, last+1)
	f(last+1, math.MaxUint64)
}

func TestSeqsAreAllOrNothing(t *testing.T) {
	l, _ := fresh(t)
	if err := l.MarkSeqs(t.Context(), "24673", "b1", [][2]uint64{{1, 2}, {9, 8}}); err == nil || seen(t, l, "24673", "b1", 1, 2) {
		t.Errorf("half is marked (%v)", err)
	}
	must(t, l.MarkSeqs(t.Context(), "24673", "b1", [][2]uint64{{1, 2}, {4, 5}}))
	f := func(want bool, ranges ...[2]uint64) {
		t.Helper()
		got, err := l.SeenSeqs(t.Context(), "24673", "b1", ranges)
		must(t, err)
		if got != want {
			t.Errorf("%v seen: %v", ranges, got)
		}
	}
	f(true, [2]uint64{4, 5}, [2]uint64{1, 1})
	f(false, [2]uint64{1, 2}, [2]uint64{3, 4})
	f(false, [2]uint64{6, 6}, [2]uint64{1, 2})
	f(false)
}

// Calls at once share transactions: each site's numbers are marked, and no others.
func TestArrivalsAtOnceAreAllMarked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var all sync.WaitGroup
	for site := range 64 {
		all.Go(func() {
			for n := range uint64(8) {
				if err := l.MarkSeqs(ctx, strconv.Itoa(site), "boot", [][2]uint64{{n * 10, n*10 + 4}}); err != nil {
					t.Error(err)
				}
				if seen, err := l.SeenSeqs(ctx, strconv.Itoa(site), "boot", [][2]uint64{{n * 10, n*10 + 4}}); err != nil || !seen {
					t.Errorf("site %d: %d is not seen once it is marked: %v", site, n, err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = ledger.Open(path); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for site := range 64 {
		for n := range uint64(8) {
			seen, err := l.SeenSeqs(ctx, strconv.Itoa(site), "boot", [][2]uint64{{n * 10, n*10 + 4}})
			more, _ := l.SeenSeqs(ctx, strconv.Itoa(site), "boot", [][2]uint64{{n * 10, n*10 + 5}})
			if err != nil || !seen || more {
				t.Fatalf("site %d, %d: seen %t, one more %t, %v", site, n, seen, more, err)
			}
		}
	}
	if err := l.MarkSeqs(ctx, "x", "boot", [][2]uint64{{5, 4}}); err == nil {
		t.Error("a range that ends before it begins was marked")
	}
}
