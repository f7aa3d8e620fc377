package spool

import (
	"cmp"
	"slices"
)

// Range is a run of sequence numbers, both ends included.
type Range struct{ From, To uint64 }

// ranges is a set of sequence numbers: disjoint ranges that do not touch,
// ascending. Its methods never change the receiver's numbers; what they return
// may share its memory, so that the result replaces the receiver. All numbers
// are below maxSeq: To+1 does not wrap.
type ranges []Range

// rangesOf makes a set of what a caller hands in: any order, any numbers.
// Empty ranges and numbers past limit are left out.
func rangesOf(rs []Range, limit uint64) ranges {
	var set ranges
	for _, r := range rs {
		r.To = min(r.To, limit)
		if r.From <= r.To {
			set = set.add(r)
		}
	}
	return set
}

// at returns the index of the first range that ends at seq or later.
func (s ranges) at(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s, seq, func(r Range, seq uint64) int { return cmp.Compare(r.To, seq) })
	return i
}

func (s ranges) has(seq uint64) bool {
	i := s.at(seq)
	return i < len(s) && s[i].From <= seq
}

func (s ranges) count() int {
	var n uint64
	for _, r := range s {
		n += r.To - r.From + 1
	}
	return int(n)
}

func (s ranges) add(r Range) ranges {
	if n := len(s); n == 0 || s[n-1].To+1 < r.From { // the common case: behind all others
		return append(s, r)
	}
	lo := 0
	if r.From > 0 {
		lo = s.at(r.From - 1) // a range that ends just before r is joined
	}
	hi := lo
	for hi < len(s) && s[hi].From <= r.To+1 {
		r.From, r.To = min(r.From, s[hi].From), max(r.To, s[hi].To)
		hi++
	}
	return slices.Replace(s, lo, hi, r)
}

func (s ranges) remove(r Range) ranges {
	lo := s.at(r.From)
	hi := lo
	var rest []Range
	for hi < len(s) && s[hi].From <= r.To {
		if s[hi].From < r.From {
			rest = append(rest, Range{s[hi].From, r.From - 1})
		}
		if s[hi].To > r.To {
			rest = append(rest, Range{r.To + 1, s[hi].To})
		}
		hi++
	}
	if lo == hi {
		return s
	}
	return slices.Replace(s, lo, hi, rest...)
}

// minus returns what is in s and not in o, in memory of its own.
func (s ranges) minus(o ranges) ranges {
	var out ranges
	for _, r := range s {
		for i := o.at(r.From); i < len(o) && o[i].From <= r.To; i++ {
			if r.From < o[i].From {
				out = append(out, Range{r.From, o[i].From - 1})
			}
			r.From = o[i].To + 1
		}
		if r.From <= r.To {
			out = append(out, r)
		}
	}
	return out
}

// plus returns what is in either, in memory of its own.
func (s ranges) plus(o ranges) ranges {
	out := slices.Clone(s)
	for _, r := range o {
		out = out.add(r)
	}
	return out
}

// both returns what is in s and in o as well.
func (s ranges) both(o ranges) ranges { return s.minus(s.minus(o)) }

// largest returns at most n ranges, those that hold the most numbers.
func (s ranges) largest(n int) ranges {
	if len(s) <= n {
		return s
	}
	out := slices.Clone(s)
	slices.SortFunc(out, func(a, b Range) int { return cmp.Compare(b.To-b.From, a.To-a.From) })
	out = out[:n]
	slices.SortFunc(out, func(a, b Range) int { return cmp.Compare(a.From, b.From) })
	return out
}
