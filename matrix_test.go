package thongsuot_test

import (
	"math"
	"reflect"
	"testing"

	"thongsuot"
)

func TestConfusion(t *testing.T) {
	v := func(c thongsuot.Cause, sure thongsuot.Confidence) thongsuot.Verdict {
		return thongsuot.Verdict{Cause: c, Confidence: sure}
	}
	power, access, unknown := thongsuot.CausePower, thongsuot.CauseAccess, thongsuot.CauseUnknown
	m := thongsuot.Confusion([]thongsuot.Judged{
		{Truth: power, Live: v(unknown, .3), Final: v(power, .9)},
		{Truth: power, Live: v(access, .7), Final: v(access, .7)},
		{Truth: access, Live: v(access, .7), Final: v(access, .95)},
	})
	if m.Judged != 3 || m.Live.Right != 1 || m.Live.Undecided != 1 || m.Final.Right != 2 || m.Final.Undecided != 0 {
		t.Errorf("matrix %+v", m)
	}
	want := []thongsuot.Cell{{Truth: power, Concluded: power, Count: 1}, {Truth: power, Concluded: access, Count: 1}, {Truth: access, Concluded: access, Count: 1}}
	if !reflect.DeepEqual(m.Final.Cells, want) {
		t.Errorf("cells %+v, want %+v", m.Final.Cells, want)
	}
	if want := (.1*.1 + .7*.7 + .05*.05) / 3; math.Abs(m.Final.Brier-want) > 1e-9 {
		t.Errorf("Brier %v, want %v", m.Final.Brier, want)
	}
	if l := m.Final.Levels; l[0] != (thongsuot.Reliability{Level: thongsuot.LevelHigh, Count: 2, Right: 2}) || l[1] != (thongsuot.Reliability{Level: thongsuot.LevelMedium, Count: 1}) {
		t.Errorf("levels %+v", l)
	}
	if empty := thongsuot.Confusion(nil); empty.Final.Brier != 0 || empty.Final.Cells != nil {
		t.Errorf("of nothing %+v", empty)
	}
}
