package agent_test

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
)

var wall = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func exampleRound() (agent.Stamp, []agent.Measured) {
	stamp := agent.Stamp{Boot: "5a0c6f3e-93a7-4d31-8d4e-1f3a0e6d4b11", Boottime: 26 * time.Hour, Wall: wall, Zero: wall.Add(-26 * time.Hour)}
	icmp := func(probe, target string) agent.Measured {
		return agent.Measured{Began: 26*time.Hour - 4*time.Second, Result: thongsuot.Result{
			Probe: probe, Kind: thongsuot.ProbeICMP, Target: target, Reason: thongsuot.ReasonOK,
			Fields: []thongsuot.Field{
				{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldReceived, Value: 4}, {Name: thongsuot.FieldLoss, Value: 0.2},
				{Name: thongsuot.FieldRTTMin, Value: 0.01234}, {Name: thongsuot.FieldRTTMedian, Value: 0.01301}, {Name: thongsuot.FieldJitter, Value: 0.00021},
			},
		}}
	}
	return stamp, []agent.Measured{
		icmp("gateway", "192.0.2.1"),
		{Began: 26*time.Hour - 9*time.Second, Result: thongsuot.Result{
			Probe: "portal-4g", Line: "4g", Kind: thongsuot.ProbePortal, Target: "https://dichvucong.gov.vn/", Reason: thongsuot.ReasonDNSTimeout, Detail: "máy chủ tên miền không trả lời",
		}},
		{Began: 26 * time.Hour, Result: thongsuot.Result{
			Probe: "x", Kind: thongsuot.ProbePortal, Reason: thongsuot.ReasonOK,
			Fields: []thongsuot.Field{{Name: "a_field_of_tomorrow", Value: math.Pi}, {Name: thongsuot.FieldTLSExpiry, Value: 1795478400}},
		}},
	}
}

func TestRoundSurvivesTheSpool(t *testing.T) {
	stamp, want := exampleRound()
	b := agent.MarshalRound(stamp, want)
	gotStamp, got, err := agent.UnmarshalRound(b)
	if err != nil {
		t.Fatal(err)
	}
	if gotStamp != stamp || !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v %+v\nwant %+v %+v", gotStamp, got, stamp, want)
	}
}

// What older programs left in a spool is read as it was written.
func TestRoundsOfOlderProgramsAreRead(t *testing.T) {
	for version := 1; version <= 3; version++ {
		b, err := os.ReadFile(fmt.Sprintf("testdata/round-v%d.bin", version))
		if err != nil {
			t.Fatal(err)
		}
		if b[0] != byte(version) {
			t.Fatalf("the file holds version %d, want %d", b[0], version)
		}
		stamp, want := exampleRound()
		if version < 3 {
			want[1].Line = "" // they knew of no lines
		}
		gotStamp, got, err := agent.UnmarshalRound(b)
		if err != nil || gotStamp != stamp || !reflect.DeepEqual(got, want) {
			t.Errorf("version %d: %v\n got %+v %+v\nwant %+v %+v", version, err, gotStamp, got, stamp, want)
		}
		if s, ok := agent.StampOf(b); !ok || s != stamp {
			t.Errorf("version %d: written at %+v, %t", version, s, ok)
		}
		if _, anew, err := agent.UnmarshalRound(agent.MarshalRound(gotStamp, got)); err != nil || !reflect.DeepEqual(anew, want) {
			t.Errorf("version %d, written anew: %v\n got %+v\nwant %+v", version, err, anew, want)
		}
	}
}

// A round of the standard job takes at most 200 bytes.
func TestARoundIsSmall(t *testing.T) {
	bytes := 0
	for i := range 360 {
		bytes += len(agent.MarshalQuietRound(standard(i)))
	}
	if mean := bytes / 360; mean > 200 {
		t.Errorf("%d bytes a round, want at most 200", mean)
	}
}

func TestCutRoundIsAnError(t *testing.T) {
	b := agent.MarshalRound(exampleRound())
	for n := range len(b) {
		if _, _, err := agent.UnmarshalRound(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes were read as a round", n, len(b))
		}
	}
}

func FuzzUnmarshalRound(f *testing.F) {
	f.Add(agent.MarshalRound(exampleRound()))
	f.Add(agent.MarshalQuietRound(standard(0)))
	for version := 1; version <= 3; version++ {
		b, err := os.ReadFile(fmt.Sprintf("testdata/round-v%d.bin", version))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		stamp, ms, err := agent.UnmarshalRound(b)
		if err != nil {
			return
		}
		if _, _, err := agent.UnmarshalRound(agent.MarshalRound(stamp, ms)); err != nil {
			t.Fatalf("read once, not twice: %v", err)
		}
	})
}
