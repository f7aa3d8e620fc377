package reports

import (
	"errors"
	"fmt"
	"time"
)

// Config holds the choices of the method. Each is printed in the report.
type Config struct {
	DegradedWeight  float64       `yaml:"degraded_weight"`  // of an hour in which the counter was slow or lossy. Default 0.5
	MinCoverage     float64       `yaml:"min_coverage"`     // below it a site is not ranked. Default 0.7
	MinDays         int           `yaml:"min_days"`         // observed for less it is not ranked. Default 28
	CEMI            int           `yaml:"cemi"`             // sustained interruptions, that many or more. Default 3
	CELID           time.Duration `yaml:"celid"`            // one interruption of that length or more. Default 7h
	Apdex           time.Duration `yaml:"apdex"`            // answer of the portal with which people are content. Default 2s
	Availability    float64       `yaml:"availability"`     // that a line owes. Default 0.995
	AvailabilityLaw string        `yaml:"availability_law"` // where that is written
	Draws           int           `yaml:"draws"`            // of the simulation behind intervals and rank ranges. Default 2000
	Seed            uint64        `yaml:"seed"`             // of it. Default 1
	Weight          Weight        `yaml:"weight"`           // of sites in the ranking: none, registry or population. Default none
}

// Weight says by what the hours of sites are weighed against each other.
type Weight string

// The weights.
const (
	WeightNone       Weight = "none"
	WeightRegistry   Weight = "registry"   // the column weight of sites.csv; 1 where it is empty
	WeightPopulation Weight = "population" // in thousands; the median of those known where it is not
)

// DefaultConfig is the method as doc.go describes it.
func DefaultConfig() Config {
	return Config{
		DegradedWeight: .5, MinCoverage: .7, MinDays: 28, CEMI: 3, CELID: 7 * time.Hour, Apdex: 2 * time.Second,
		Availability: .995, AvailabilityLaw: "QCVN 34:2022/BTTTT (mức theo bản năm 2019, cần đối chiếu)", Draws: 2000, Seed: 1, Weight: WeightNone,
	}
}

// Validate names every field that cannot work, with its value.
func (c Config) Validate() error {
	var errs []error
	ratio := func(name string, v float64) {
		if !(v >= 0 && v <= 1) {
			errs = append(errs, fmt.Errorf("%s: want 0 to 1 (got %g)", name, v))
		}
	}
	least := func(name string, v, least int) {
		if v < least {
			errs = append(errs, fmt.Errorf("%s: want at least %d (got %d)", name, least, v))
		}
	}
	ratio("degraded_weight", c.DegradedWeight)
	ratio("min_coverage", c.MinCoverage)
	ratio("availability", c.Availability)
	least("min_days", c.MinDays, 1)
	least("cemi", c.CEMI, 1)
	least("draws", c.Draws, 100)
	if c.CELID <= 0 {
		errs = append(errs, fmt.Errorf("celid: must be positive (got %s)", c.CELID))
	}
	if c.Apdex <= 0 {
		errs = append(errs, fmt.Errorf("apdex: must be positive (got %s)", c.Apdex))
	}
	if c.Weight != WeightNone && c.Weight != WeightRegistry && c.Weight != WeightPopulation {
		errs = append(errs, fmt.Errorf("weight: want %s, %s or %s (got %q)", WeightNone, WeightRegistry, WeightPopulation, c.Weight))
	}
	return errors.Join(errs...)
}
