package storetest

import (
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
		selector := store.Selector("icmp_received", thongsuot.Label{Name: thongsuot.LabelSite, Value: name})
		got, err := s.Instant(t.Context(), selector, s.now)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
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
	other := want[2]
	other.Labels = want[1].Labels
	other.Value = 99
	s.add(t, []thongsuot.Sample{want[1], other}, 1)
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
	same(t, s.raw(t, store.Selector("icmp_received", site, thongsuot.Label{Name: "probe"}), time.Hour), []thongsuot.Sample{earlier, few})
	same(t, s.raw(t, store.Selector("icmp_received", site, thongsuot.Label{Name: "probe", Value: "gateway"}), time.Hour), []thongsuot.Sample{earlierMore, more})
}

func gap(t *testing.T, s *subject) {
	// 10 minutes of samples, 40 of silence, 10 of samples.
	all := s.run("24673", 361)
	s.add(t, all[:61], 0)
	s.add(t, all[300:], 0)
	got, err := s.Range(t.Context(), "icmp_received", all[0].At, s.now, step)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d series, want 1", len(got))
	}
	quiet := 0
	for i := 1; i < len(got[0].Points); i++ {
		a, b := got[0].Points[i-1], got[0].Points[i]
		if d := b.At.Sub(a.At); d > step {
			quiet++
			if d < 35*time.Minute || !b.At.Equal(all[300].At) {
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
	got, err := s.Range(t.Context(), "icmp_received", want[0].At, s.now, 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d series, want 1", len(got))
	}
	same(t, got[0].Points, want)
	got, err = s.Range(t.Context(), "count_over_time(icmp_received[1d])", s.now.Add(-29*day), s.now, day)
	if err != nil {
		t.Fatal(err)
	}
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
		got := s.raw(t, store.Selector(metric), time.Hour)
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

func badQueries(t *testing.T, s *subject) {
	s.add(t, s.run("24673", 3), 0)
	hourAgo := s.now.Add(-time.Hour)
	for _, query := range []string{"", "{", "icmp_received{", "sum(", `"text"`, "icmp_received[5m"} {
		if _, err := s.Instant(t.Context(), query, s.now); err == nil {
			t.Errorf("instant %q is answered", query)
		}
	}
	if _, err := s.Range(t.Context(), "icmp_received[5m]", hourAgo, s.now, time.Minute); err == nil {
		t.Error("a range of ranges is answered")
	}
	if _, err := s.Range(t.Context(), "icmp_received", s.now, hourAgo, time.Minute); err == nil {
		t.Error("a range that ends before it begins is answered")
	}
	if _, err := s.Range(t.Context(), "icmp_received", hourAgo, s.now, 0); err == nil {
		t.Error("a range without a step is answered")
	}
	if _, err := s.Range(t.Context(), "icmp_received", hourAgo.AddDate(-1, 0, 0), s.now, time.Second); err == nil {
		t.Error("a range of 31 million points is answered")
	}
	got, err := s.Instant(t.Context(), "nothing_like_it", s.now)
	if err != nil || len(got) != 0 {
		t.Errorf("a metric that is not there gives %v, %v; want nothing", got, err)
	}
	got, err = s.Instant(t.Context(), "1+1", s.now)
	if err != nil || len(got) != 1 || got[0].Points[0].Value != 2 {
		t.Errorf("1+1 gives %v, %v", got, err)
	}
}
