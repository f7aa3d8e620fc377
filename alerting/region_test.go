package alerting_test

import (
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/lang"
)

// cut is an upstream of two sites that is gone, and the record of one of them.
func cut(revision, still int, kind thongsuot.ChangeKind) thongsuot.Change {
	c := change("upstream-1", revision, kind, thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUpstream, Confidence: .95})
	c.Incident.Site, c.Incident.Region = "", thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"}
	c.Incident.Members = []thongsuot.Member{{Site: "25051", Incident: "a", From: c.Incident.Start}, {Site: "99999", Incident: "b", From: c.Incident.Start}}
	for i := range 2 - still {
		c.Incident.Members[i].To = c.At
	}
	return c
}

func part(incident string, revision int, kind thongsuot.ChangeKind) thongsuot.Change {
	c := change(incident, revision, kind, silent)
	c.Incident.Part, c.Incident.Region = "upstream-1", thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"}
	return c
}

// Of what hits many sites one message tells, with their names, and who is back.
func TestRegionalIncidentIsOneMessage(t *testing.T) {
	got := told(t, lang.Vi,
		part("a", 1, thongsuot.ChangeOpened), part("b", 1, thongsuot.ChangeOpened), cut(1, 2, thongsuot.ChangeOpened),
		part("a", 2, thongsuot.ChangeClosed), cut(2, 1, thongsuot.ChangeMembers), part("b", 2, thongsuot.ChangeClosed), cut(3, 0, thongsuot.ChangeClosed))
	var keys []string
	for _, m := range got {
		keys = append(keys, m.Incident+" "+string(m.Kind))
		if m.Rouse != (m.Kind != thongsuot.ChangeMembers) {
			t.Errorf("%s calls people: %v", m.Kind, m.Rouse)
		}
	}
	equal(t, "messages", keys, []string{"upstream-1 opened", "upstream-1 members", "upstream-1 closed"})
	if !strings.Contains(got[0].Title, "tuyến truyền dẫn Di Linh (2 nơi)") || !strings.Contains(strings.Join(got[0].Lines, "\n"), "xã Sơn Điền") {
		t.Errorf("%q, %q", got[0].Title, got[0].Lines)
	}
	if lines := strings.Join(got[1].Lines, "\n"); !strings.Contains(lines, "Đã trở lại: 1 trong 2 nơi") || strings.Contains(lines, "Sơn Điền") {
		t.Errorf("%q", lines)
	}
}

// Who was told of a site before it turned out to be one of many reads in that
// message where it belongs, and is not called again.
func TestToldSiteBecomesPart(t *testing.T) {
	got := told(t, lang.Vi, opened("a"), part("a", 2, thongsuot.ChangeCause), part("a", 3, thongsuot.ChangeClosed))
	if len(got) != 3 || got[1].Rouse || got[2].Rouse {
		t.Fatalf("%+v", got)
	}
	if lines := strings.Join(got[1].Lines, "\n"); !strings.Contains(lines, "Đã gộp vào sự cố chung: tuyến truyền dẫn Di Linh") {
		t.Errorf("%q", lines)
	}
}

// What brought a change of mind about is said.
func TestReasonOfAChangeIsSaid(t *testing.T) {
	c := change("a", 2, thongsuot.ChangeCause, silent)
	c.Because = []thongsuot.Evidence{{Code: thongsuot.EvidenceHeardAgain, At: c.At}, {Code: thongsuot.EvidenceBootSame, At: time.Now()}}
	got := told(t, lang.Vi, opened("a"), c)
	if lines := strings.Join(got[1].Lines, "\n"); !strings.Contains(lines, "Căn cứ mới: ") || !strings.Contains(lines, "14:07:07") {
		t.Errorf("%q", lines)
	}
}
