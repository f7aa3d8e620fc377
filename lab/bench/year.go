package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"thongsuot/lab/year"
)

// aYear plays the simulated year: what it costs, and how right it was.
func aYear(ctx context.Context, b *run) error {
	if err := b.noSource(); err != nil {
		return err
	}
	cfg := year.DefaultConfig()
	cfg.Registry = filepath.Join(b.cfg.Source, cfg.Registry)
	before, err := cpu("/proc", os.Getpid())
	if err != nil {
		return err
	}
	result, err := year.Run(ctx, cfg)
	if err != nil {
		return err
	}
	after, err := cpu("/proc", os.Getpid())
	if err != nil {
		return err
	}
	r := result.Report()
	missed := 0
	for _, m := range r.Missed {
		missed += m.Count
	}
	note := fmt.Sprintf("%d sites, %d days, seed %d; simulated, so no word on real sites", r.Sites, r.Days, r.Seed)
	b.add(Figure{What: "CPU of a simulated year", Value: (after - before).Seconds(), Unit: "s", Bar: bar(60), Note: note})
	b.add(Figure{What: "false \"down\" in 30 days, clean lines", Value: r.FalseDownClean.Per30, Unit: "", Bar: bar(1), Note: note})
	b.add(Figure{What: "false \"down\" in 30 days, lossy lines", Value: r.FalseDownLossy.Per30, Unit: "", Bar: bar(4), Note: note})
	b.add(Figure{What: "outages of 5 min and more that were missed", Value: float64(missed), Unit: "", Bar: bar(0), Note: note})
	b.add(Figure{What: "final cause right, where evidence exists", Value: 100 * r.RightShown.Ratio(), Unit: "%", Bar: bar(98), More: true, Note: note})
	b.add(Figure{What: "final cause wrong with high confidence", Value: 100 * r.WrongHigh.Ratio(), Unit: "%", Bar: bar(0.5), Note: note})
	return nil
}
