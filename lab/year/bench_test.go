package year_test

import (
	"testing"

	"thongsuot/lab/year"
)

// A year is 36 times as much.
func BenchmarkTenDays(b *testing.B) {
	for b.Loop() {
		c := config(124, 10)
		c.Seed = 1
		if _, err := year.Run(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}
