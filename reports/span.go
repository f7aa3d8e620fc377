package reports

import (
	"slices"
	"time"
)

// Span is a stretch of time; To is the first instant after it.
type Span struct{ From, To time.Time }

// Length is how long the span is, never below zero.
func (s Span) Length() time.Duration { return max(0, s.To.Sub(s.From)) }

func (s Span) clip(o Span) Span { return Span{later(s.From, o.From), earlier(s.To, o.To)} }

// Spans are stretches in order that do not touch; Join makes them.
type Spans []Span

// Join orders spans and makes one of those that overlap or touch.
func Join(spans ...Span) Spans {
	sorted := slices.DeleteFunc(slices.Clone(spans), func(s Span) bool { return !s.From.Before(s.To) })
	slices.SortFunc(sorted, func(a, b Span) int { return a.From.Compare(b.From) })
	var out Spans
	for _, s := range sorted {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			out[n-1].To = later(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Total is the length of all spans.
func (s Spans) Total() (sum time.Duration) {
	for _, one := range s {
		sum += one.Length()
	}
	return sum
}

// And is what lies in both.
func (s Spans) And(o Spans) (out Spans) {
	for i, j := 0, 0; i < len(s) && j < len(o); {
		if c := s[i].clip(o[j]); c.From.Before(c.To) {
			out = append(out, c)
		}
		if s[i].To.Before(o[j].To) {
			i++
		} else {
			j++
		}
	}
	return out
}

// Within is how much of one span lies in s.
func (s Spans) Within(one Span) (sum time.Duration) {
	first, _ := slices.BinarySearchFunc(s, one.From, func(x Span, t time.Time) int {
		if x.To.After(t) {
			return 1
		}
		return -1
	})
	for _, x := range s[first:] {
		if !x.From.Before(one.To) {
			break
		}
		sum += x.clip(one).Length()
	}
	return sum
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
