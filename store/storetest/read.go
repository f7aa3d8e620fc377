package storetest

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/store"
)

// awkwardNames are names of communes, and worse, as values of a label.
func awkwardNames() []string {
	return []string{
		"B'Lao", "D'Ran", "1 Bảo Lộc", "Xuân Hương - Đà Lạt", "Đặc khu Phú Quý",
		"Ka Đô", "K'Đơn Dương", "Đà Lạt", // the second spells its Đà Lạt in parts
		`back\slash`, `\`, `"quoted"`, `'`, "two\nlines", "tab\tand\rreturn", "nul\x00byte",
		`{site="x"}`, `a",site="b`, `.*`, "`", " leading and trailing ", "漢字 🌊", "%s%d",
	}
}

func vietnameseNames(t *testing.T, s *subject) {
	names := awkwardNames()
	var batch []thongsuot.Sample
	for i, name := range names {
		batch = append(batch, s.sample(name, 0, float64(i)))
	}
	s.add(t, batch, 0)
	for i, name := range names {
		got := s.read(t, store.Read{
			Metric: "icmp_received", From: s.now.Add(-time.Hour), To: s.now,
			Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: name}},
		})
		want := thongsuot.Label{Name: thongsuot.LabelSite, Value: name}
		if len(got) != 1 || got[0].Metric != "icmp_received" || !slices.Equal(got[0].Labels, []thongsuot.Label{want}) ||
			len(got[0].Points) != 1 || got[0].Points[0].Value != float64(i) {
			t.Errorf("%q gives %+v, want one series with the value %d", name, got, i)
		}
	}
}

func labelOrder(t *testing.T, s *subject) {
	want := s.run("24673", 3)
	sorted := []thongsuot.Label{{Name: "probe", Value: "gateway"}, {Name: "site", Value: "24673"}}
	for i := range want {
		want[i].Labels = sorted
	}
	want[1].Labels = []thongsuot.Label{sorted[1], sorted[0], {Name: "empty"}}
	s.add(t, want, 0)
	same(t, s.stored(t, "24673", time.Hour), want)
	s.add(t, []thongsuot.Sample{want[1], want[2], want[0]}, 0)
	same(t, s.stored(t, "24673", time.Hour), want)
}

func moreLabels(t *testing.T, s *subject) {
	few, more := s.sample("24673", 0, 1), s.sample("24673", 0, 2)
	more.Labels = append([]thongsuot.Label{{Name: "probe", Value: "gateway"}}, more.Labels...)
	s.add(t, []thongsuot.Sample{few, more}, 0)
	// Later the same, late, so that a store that compares looks at both.
	earlier, earlierMore := s.sample("24673", 5, 3), s.sample("24673", 5, 4)
	earlierMore.Labels = more.Labels
	s.add(t, []thongsuot.Sample{earlierMore}, 0)
	s.add(t, []thongsuot.Sample{earlier}, 0)
	site := thongsuot.Label{Name: "site", Value: "24673"}
	same(t, s.raw(t, "icmp_received", time.Hour, site, thongsuot.Label{Name: "probe"}), []thongsuot.Sample{earlier, few})
	same(t, s.raw(t, "icmp_received", time.Hour, site, thongsuot.Label{Name: "probe", Value: "gateway"}), []thongsuot.Sample{earlierMore, more})
}

func gap(t *testing.T, s *subject) {
	// 10 minutes of samples, 40 of silence, 10 of samples.
	all := s.run("24673", 361)
	s.add(t, all[:61], 0)
	s.add(t, all[300:], 0)
	got := s.read(t, store.Read{Metric: "icmp_received", From: all[0].At, To: s.now, Step: step, Fold: store.FoldLast})
	if len(got) != 1 {
		t.Fatalf("%d series, want 1", len(got))
	}
	quiet := 0
	for i := 1; i < len(got[0].Points); i++ {
		a, b := got[0].Points[i-1], got[0].Points[i]
		if d := b.At.Sub(a.At); d > step {
			quiet++
			if d < 39*time.Minute || !b.At.Equal(all[300].At) {
				t.Errorf("the silence of 40 min up to %s shows as %s up to %s", all[300].At, d, b.At)
			}
		}
	}
	if quiet != 1 {
		t.Errorf("%d gaps show, want 1", quiet)
	}
}

func wideRange(t *testing.T, s *subject) {
	want := s.sparse("24673", 30*day)
	for part := range slices.Chunk(want, 1000) {
		s.add(t, part, 0)
	}
	got := s.read(t, store.Read{Metric: "icmp_received", From: want[0].At, To: s.now, Step: 10 * time.Minute, Fold: store.FoldLast})
	if len(got) != 1 {
		t.Fatalf("%d series, want 1", len(got))
	}
	same(t, got[0].Points, want)
	got = s.read(t, store.Read{Metric: "icmp_received", From: s.now.Add(-29 * day), To: s.now, Step: day, Fold: store.FoldCount})
	if len(got) != 1 || len(got[0].Points) != 30 {
		t.Fatalf("counts by day: %+v, want one series of 30 points", got)
	}
	for _, p := range got[0].Points {
		if p.Value != 144 {
			t.Errorf("%s has %v samples, want 144", p.At, p.Value)
		}
	}
}

func precision(t *testing.T, s *subject) {
	f := func(metric string, value, tolerance float64) {
		t.Helper()
		sample := thongsuot.Sample{Metric: metric, At: s.now, Value: value}
		s.add(t, []thongsuot.Sample{sample}, 0)
		got := s.raw(t, metric, time.Hour)
		if !s.Exact {
			tolerance = max(tolerance, math.Abs(value)*1e-12, math.SmallestNonzeroFloat64)
		}
		if len(got) != 1 || math.Abs(got[0].Value-value) > tolerance {
			t.Errorf("%s %v is stored as %v, want it within %v", metric, value, got, tolerance)
		}
		// What is rounded to the same is the same.
		s.add(t, []thongsuot.Sample{sample}, 0)
	}
	f("icmp_rtt_median_seconds", 0.0123456789, 1e-6)
	f("boot_uptime_seconds", 123456789.25, 0)
	f("icmp_loss_ratio", 1.0/3, 1e-3)
	f("portal_tls_not_after_timestamp_seconds", 1798761599.123, 0)
	f("ups_input_volts", 229.4, 0)
	f("huge", math.MaxFloat64, 0)
	f("tiny", math.SmallestNonzeroFloat64, 0)
	f("huge_seconds", -math.MaxFloat64, 0)
	f("zero_seconds", math.Copysign(0, -1), 0)
}

// folds holds every fold against numbers worked out by hand: samples 0 to 19,
// ten of them in each of two steps.
func folds(t *testing.T, s *subject) {
	s.add(t, s.run("24673", 20), 0)
	half := 10 * step
	for fold, want := range map[store.Fold][2]float64{
		store.FoldLast: {9, 19}, store.FoldMean: {4.5, 14.5}, store.FoldMin: {0, 10}, store.FoldMax: {9, 19},
		store.FoldSum: {45, 145}, store.FoldCount: {10, 10},
		store.FoldP10: {0.9, 10.9}, store.FoldP25: {2.25, 12.25}, store.FoldP50: {4.5, 14.5},
		store.FoldP75: {6.75, 16.75}, store.FoldP90: {8.1, 18.1}, store.FoldP95: {8.55, 18.55},
	} {
		got := s.read(t, store.Read{Metric: "icmp_received", From: s.now.Add(-half), To: s.now, Step: half, Fold: fold})
		if len(got) != 1 || len(got[0].Points) != 2 || got[0].Metric != "icmp_received" || len(got[0].Labels) != 1 {
			t.Errorf("%s gives %+v, want one series of two points", fold, got)
			continue
		}
		for i, p := range got[0].Points {
			if wantAt := s.now.Add(time.Duration(i-1) * half); !p.At.Equal(wantAt) || math.Abs(p.Value-want[i]) > 1e-9 {
				t.Errorf("%s: step %d is %v at %s, want %v at %s", fold, i, p.Value, p.At, want[i], wantAt)
			}
		}
	}
}

func badReads(t *testing.T, s *subject) {
	s.add(t, s.run("24673", 3), 0)
	good := store.Read{Metric: "icmp_received", From: s.now.Add(-time.Hour), To: s.now, Step: time.Minute, Fold: store.FoldMean}
	f := func(what string, change func(*store.Read)) {
		t.Helper()
		r := good
		change(&r)
		if got, err := s.Read(t.Context(), r); err == nil {
			t.Errorf("%s is answered: %v", what, got)
		}
	}
	f("no metric", func(r *store.Read) { r.Metric = "" })
	f("a metric that is a query", func(r *store.Read) { r.Metric = `a or b` })
	f("a range that ends before it begins", func(r *store.Read) { r.To = r.From.Add(-1) })
	f("a step of a millisecond", func(r *store.Read) { r.Step = time.Millisecond })
	f("a step below zero", func(r *store.Read) { r.Step = -time.Minute })
	f("31 million points", func(r *store.Read) { r.From, r.Step = r.From.AddDate(-1, 0, 0), time.Second })
	f("an unknown fold", func(r *store.Read) { r.Fold = "mode" })
	good.Metric = "nothing_like_it"
	if got := s.read(t, good); len(got) != 0 {
		t.Errorf("a metric that is not there gives %v, want nothing", got)
	}
}

// promQL asks engines that speak PromQL in it, by the API that programs use.
func promQL(t *testing.T, s *subject) {
	q, ok := s.Store.(store.PromQuerier)
	if !ok {
		t.Log("this engine speaks another language; its reads are tested above")
		return
	}
	s.add(t, s.run("24673", 30), 0)
	ctx, hourAgo := t.Context(), s.now.Add(-time.Hour)
	for _, query := range []string{"", "{", "icmp_received{", "sum(", "icmp_received[5m"} {
		_, err := q.Query(ctx, query, s.now)
		var told *store.QueryError
		if !errors.As(err, &told) || told.Class != store.ClassBadQuery && told.Class != store.ClassTooMuch || told.Query != query {
			t.Errorf("query %q gives %v, want that it is bad", query, err)
		}
	}
	if _, err := q.QueryRange(ctx, "icmp_received", s.now, hourAgo, time.Minute); err == nil {
		t.Error("a range that ends before it begins is answered")
	}
	got, err := q.Query(ctx, "nothing_like_it", s.now)
	if err != nil || len(got.Series) != 0 {
		t.Errorf("a metric that is not there gives %+v, %v; want nothing", got, err)
	}
	got, err = q.Query(ctx, `sum by (site) (icmp_received) + 1`, s.now)
	if err != nil || got.Type != store.TypeVector || len(got.Series) != 1 || got.Series[0].Points[0].Value != 30 {
		t.Errorf("a sum gives %+v, %v; want 30", got, err)
	}
	got, err = q.QueryRange(ctx, "max_over_time(icmp_received[1m])", s.now.Add(-4*time.Minute), s.now, time.Minute)
	if err != nil || got.Type != store.TypeMatrix || len(got.Series) != 1 || len(got.Series[0].Points) != 5 || got.Series[0].Points[4].Value != 29 {
		t.Errorf("a range gives %+v, %v; want 5 points up to 29", got, err)
	}
}
