package sim

import (
	"math"
	"time"
)

// mix is the finisher of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hash(text string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(text) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// Draw is a number in [0, 1) that a seed has for a name and a count.
func Draw(seed uint64, name string, n int64) float64 {
	return unit(mix(mix(seed^hash(name)) ^ mix(uint64(n))))
}

// draw is a number in [0, 1) of the site itself.
func (s Site) draw(tag uint64) float64 { return unit(mix(s.Seed ^ mix(tag))) }

// noise is a number in [0, 1) of the site at an instant.
func (s Site) noise(tag uint64, t time.Time) float64 {
	return unit(mix(s.Seed ^ mix(tag) ^ mix(uint64(t.UnixMilli()))))
}

// slowly is a number in [0, 1) that wanders over half hours.
func (s Site) slowly(t time.Time, tag uint64) float64 {
	const pace = 30 * 60
	n, part := t.Unix()/pace, float64(t.Unix()%pace)/pace
	at := func(n int64) float64 { return unit(mix(s.Seed ^ mix(tag) ^ mix(uint64(n)))) }
	part = part * part * (3 - 2*part) // no corners
	return at(n)*(1-part) + at(n+1)*part
}

// bump is a bell over the day, 1 at hour, with a width in hours (one standard
// deviation), in the time of Vietnam.
func bump(t time.Time, hour, width float64) float64 {
	local := t.Add(7*time.Hour).Unix() % (24 * 60 * 60)
	x := (math.Mod(float64(local)/3600-hour+36, 24) - 12) / width // midnight is no corner
	if math.Abs(x) > 5 {
		return 0
	}
	return math.Exp(-x * x / 2)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
