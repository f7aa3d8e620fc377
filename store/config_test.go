package store_test

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"thongsuot"
	"thongsuot/store"
)

func TestConfig(t *testing.T) {
	if err := store.DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	f := func(want string, change func(*store.Config)) {
		t.Helper()
		cfg := store.DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	f("dir: must name a folder", func(c *store.Config) { c.Dir = "" })
	f("out_of_order_window: must be at least 840h0m0s, the span of the agents' spools (got 24h0m0s)",
		func(c *store.Config) { c.OutOfOrderWindow = 24 * time.Hour })
	f("retention: must not be shorter than out_of_order_window, 960h0m0s (got 1h0m0s)",
		func(c *store.Config) { c.Retention = time.Hour })
	f("retention: must be two days longer than out_of_order_window, 960h0m0s, for roll-ups (got 970h0m0s)",
		func(c *store.Config) { c.Retention = 970 * time.Hour })
	f("rollups[0].every: want minutes or hours that make a day, such as 1h (got 7h0m0s)", func(c *store.Config) { c.Rollups[0].Every = 7 * time.Hour })
	f("rollups[0].keep: must be longer than out_of_order_window, 960h0m0s (got 1h0m0s)", func(c *store.Config) { c.Rollups[0].Keep = time.Hour })
	f("rollups[1].every: 1h0m0s is there twice", func(c *store.Config) { c.Rollups = append(c.Rollups, c.Rollups[0]) })
	f("retention_bytes: must not be negative (got -1)", func(c *store.Config) { c.RetentionBytes = -1 })
	f("min_free_bytes: must not be negative (got -1)", func(c *store.Config) { c.MinFreeBytes = -1 })
	f("query_timeout: must be positive (got 0s)", func(c *store.Config) { c.QueryTimeout = 0 })
	f("query_max_samples: must be positive (got 0)", func(c *store.Config) { c.QueryMaxSamples = 0 })
	f("lookback: must be between 10s and 1h (got 5s)", func(c *store.Config) { c.Lookback = 5 * time.Second })
	f("dir: must name a folder\nquery_timeout: must be positive (got 0s)",
		func(c *store.Config) { c.Dir, c.QueryTimeout = "", 0 })
}

func TestQuantise(t *testing.T) {
	f := func(metric string, value, want float64) {
		t.Helper()
		if got := store.Quantise(metric, value); got != want {
			t.Errorf("%s %v becomes %v, want %v", metric, value, got, want)
		}
	}
	f("rtt_seconds", 1, 1)
	f("rtt_seconds", 0.1, 104858.0/(1<<20))
	f("rtt_seconds", -0.1, -104858.0/(1<<20))
	f("rtt_seconds", 1e300, 1e300)
	f("loss_ratio", 1.0/3, 341.0/1024)
	f("loss_ratio", 1, 1)
	f("tls_not_after_timestamp_seconds", 1798761599.123, 1798761599.123)
	f("input_volts", 229.4, 229.4)
	f("seconds", 0.1, 0.1) // ends in _seconds only with something before it
}

// What is stored is the nearest multiple of the step, and storable itself.
func FuzzQuantise(f *testing.F) {
	f.Add(0.1)
	f.Add(math.Pi * 1e9)
	f.Add(math.MaxFloat64)
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return // refused before
		}
		got := store.Quantise("x_seconds", v)
		if again := store.Quantise("x_seconds", got); again != got {
			t.Errorf("%v becomes %v and then %v", v, got, again)
		}
		off := new(big.Float).SetPrec(4096).Sub(big.NewFloat(got), big.NewFloat(v))
		if off.Abs(off).Cmp(big.NewFloat(1.0/(1<<21))) > 0 {
			t.Errorf("%v becomes %v, off by %v", v, got, off)
		}
	})
}

// Whatever is put into a selector, PromQL reads it back as exactly that.
func FuzzSelector(f *testing.F) {
	f.Add("icmp_ok", "site", "B'Lao", "probe", `back\slash "quoted"`)
	f.Add("sum", "by", "two\nlines", "offset", "\x00\xff")
	f.Add(`a"} or {b="`, "mã xã", `",x="`, "", "")
	f.Fuzz(func(t *testing.T, metric, name1, value1, name2, value2 string) {
		ls := []thongsuot.Label{{Name: name1, Value: value1}, {Name: name2, Value: value2}}
		text := store.Selector(metric, ls...)
		// PromQL knows no empty selector, no empty name and only UTF-8.
		storable := metric != "" && labelsAreUTF8(metric, name1, name2) && name1 != "" && name2 != "" &&
			name1 != "__name__" && name2 != "__name__"
		got, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
		if err != nil {
			if storable {
				t.Errorf("%s: %v", text, err)
			}
			return
		}
		want := []thongsuot.Label{{Name: "__name__", Value: metric}, ls[0], ls[1]}
		if len(got) != len(want) {
			t.Fatalf("%s has %d matchers, want %d", text, len(got), len(want))
		}
		for i, m := range got {
			if m.Type != labels.MatchEqual || m.Name != want[i].Name || m.Value != want[i].Value {
				t.Errorf("%s: matcher %d is %s, want %q=%q", text, i, m, want[i].Name, want[i].Value)
			}
		}
	})
}

func labelsAreUTF8(names ...string) bool {
	for _, n := range names {
		if strings.ToValidUTF8(n, "") != n {
			return false
		}
	}
	return true
}
