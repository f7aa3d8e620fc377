package bench_test

import (
	"testing"

	"thongsuot/lab/bench"
)

// The row makes the whole report and says how long it took.
func TestReportRow(t *testing.T) {
	cfg := bench.DefaultConfig()
	cfg.Rows = []string{"report"}
	r, err := bench.Run(t.Context(), cfg, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Figures) != 1 || r.Figures[0].Value <= 0 || len(r.Left) != 0 {
		t.Errorf("figures %+v, left out %+v", r.Figures, r.Left)
	}
}
