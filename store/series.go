package store

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"thongsuot"
)

// maxLabelValue bounds a label's value, in bytes: longer ones are free text,
// which does not belong into the identity of a series.
const maxLabelValue = 1024

// metricName is the label under which the TSDB keeps a metric's name.
const metricName = "__name__"

// cacheGeneration is how many series one generation of the cache holds: 35
// times the series of 124 sites.
const cacheGeneration = 1 << 18

// series is what an append needs to know of one series.
type series struct {
	labels labels.Labels
	ref    storage.SeriesRef // 0 until appended to
	steps  float64           // see quantise
	newest int64             // no sample of the series is newer, unix ms
	value  float64           // at newest; NaN where not known
}

// cache finds series by name and labels. It forgets, in whole generations,
// what was not used for a while, so its size is bounded.
type cache struct {
	young, old map[string]*series
	key        []byte
}

func newCache() *cache {
	return &cache{young: map[string]*series{}}
}

// age makes room. Between two calls no series is forgotten.
func (c *cache) age() {
	if len(c.young) >= cacheGeneration {
		c.young, c.old = map[string]*series{}, c.young
	}
}

// find is the series of that name and labels, or false where the TSDB could not
// hold one. A series not seen before has horizon as the bound of its times.
func (c *cache) find(metric string, ls []thongsuot.Label, horizon func() int64) (*series, bool) {
	ls = canonical(ls)
	c.key = appendString(c.key[:0], metric)
	for _, l := range ls {
		c.key = appendString(appendString(c.key, l.Name), l.Value)
	}
	if s, ok := c.young[string(c.key)]; ok {
		return s, true
	}
	if s, ok := c.old[string(c.key)]; ok {
		c.young[string(c.key)] = s
		return s, true
	}
	if !validSeries(metric, ls) {
		return nil, false
	}
	all := make([]labels.Label, 0, len(ls)+1)
	all = append(all, labels.Label{Name: metricName, Value: metric})
	for _, l := range ls {
		all = append(all, labels.Label{Name: l.Name, Value: l.Value})
	}
	s := &series{labels: labels.New(all...), steps: stepsPerUnit(metric), newest: horizon(), value: math.NaN()}
	c.young[string(c.key)] = s
	return s, true
}

// findLabels is find for labels as the TSDB has them.
func (c *cache) findLabels(horizon func() int64) func(labels.Labels) (*series, bool) {
	return func(ls labels.Labels) (*series, bool) {
		s := named(ls)
		return c.find(s.Metric, s.Labels, horizon)
	}
}

// appendString appends s with its length in front, so that no two lists of
// strings have one key.
func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// canonical is ls without labels that say nothing, in the order of their names:
// the form in which one series has one key.
func canonical(ls []thongsuot.Label) []thongsuot.Label {
	byName := func(a, b thongsuot.Label) int { return strings.Compare(a.Name, b.Name) }
	empty := func(l thongsuot.Label) bool { return l.Value == "" }
	if slices.IsSortedFunc(ls, byName) && !slices.ContainsFunc(ls, empty) {
		return ls
	}
	ls = slices.DeleteFunc(slices.Clone(ls), empty)
	slices.SortStableFunc(ls, byName)
	return ls
}

// validSeries takes labels in canonical form.
func validSeries(metric string, ls []thongsuot.Label) bool {
	if !validName(metric) {
		return false
	}
	for i, l := range ls {
		if !validName(l.Name) || strings.HasPrefix(l.Name, "__") || i > 0 && ls[i-1].Name == l.Name {
			return false
		}
		if len(l.Value) > maxLabelValue || !utf8.ValidString(l.Value) {
			return false
		}
	}
	return true
}

// validName reports whether every PromQL engine takes name without quotes.
func validName(name string) bool {
	for i, r := range []byte(name) {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
