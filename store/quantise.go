package store

import (
	"math"
	"strings"
)

// Quantise is value as it is stored under metric. Durations become multiples of
// 2^-20 s and ratios multiples of 2^-10: steps far below what a probe can
// resolve, and binary ones, which leave the mantissa short enough for the
// XOR chunks of the TSDB to take about a third of the bytes of a decimal
// rounding. Instants (_timestamp_seconds) and all else stay as they are.
func Quantise(metric string, value float64) float64 {
	return quantise(value, stepsPerUnit(metric))
}

// stepsPerUnit is how many storable values lie within 1, or 0 for all of them.
func stepsPerUnit(metric string) float64 {
	switch {
	case strings.HasSuffix(metric, "_timestamp_seconds"):
		return 0
	case strings.HasSuffix(metric, "_seconds"):
		return 1 << 20
	case strings.HasSuffix(metric, "_ratio"):
		return 1 << 10
	default:
		return 0
	}
}

func quantise(value, steps float64) float64 {
	const exact = 1 << 52 // from here on every float64 is a whole number
	if steps == 0 || math.Abs(value)*steps >= exact {
		return value
	}
	return math.Round(value*steps) / steps
}
