package agent

import (
	"slices"
	"time"

	"thongsuot"
)

// factsEvery is how often facts that have not changed are said again, for a
// centre that lost them.
const factsEvery = time.Hour

// facts leaves out of good results what was said lately and is still so, such
// as who issued a certificate. The centre fills it in again, see
// [thongsuot.Result.Recall].
type facts map[string]saidFacts

type saidFacts struct {
	target, detail string
	fields         []thongsuot.Field
	at             time.Duration // when they were said, on CLOCK_BOOTTIME
}

// trim is m without what need not be said again.
func (f facts) trim(m measured) measured {
	if !m.OK() {
		delete(f, m.Probe) // the next good answer says all
		return m
	}
	is := saidFacts{target: m.Target, at: m.began}
	var rest []thongsuot.Field
	for _, v := range m.Fields {
		if thongsuot.Slow(v.Name) {
			is.fields = append(is.fields, v)
		} else {
			rest = append(rest, v)
		}
	}
	if m.Kind.Page() {
		is.detail = m.Detail
	}
	said, ok := f[m.Probe]
	if !ok || said.target != is.target || said.detail != is.detail || !slices.Equal(said.fields, is.fields) || is.at-said.at >= factsEvery {
		f[m.Probe] = is
		return m
	}
	if m.Fields = rest; m.Kind.Page() {
		m.Detail = ""
	}
	return m
}
