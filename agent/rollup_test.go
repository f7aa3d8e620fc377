package agent_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/agent/spool"
)

// standard is a round of the standard job: every ten seconds five echoes, two
// connections and one page, once a minute the portal and the UPS.
func standard(i int) (agent.Stamp, []agent.Measured) {
	at := time.Minute + time.Duration(i)*10*time.Second
	stamp := agent.Stamp{Boot: "6f1f9c1e-7d3e-4b53-9a75-0c6b8a3f2d11", Boottime: at, Wall: wall.Add(at), Zero: wall}
	seconds := func(name string, n int) thongsuot.Field {
		return thongsuot.Field{Name: name, Value: float64(1000+i*7%977+n*131) * 1e-5}
	}
	page := func(name, url string) thongsuot.Result {
		return thongsuot.Result{Probe: name, Kind: thongsuot.ProbePortal, Target: url, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{
			seconds(thongsuot.FieldDNS, 1), seconds(thongsuot.FieldConnect, 2), seconds(thongsuot.FieldTLS, 3), seconds(thongsuot.FieldTTFB, 4),
			seconds(thongsuot.FieldTransfer, 5), seconds(thongsuot.FieldTotal, 6), {Name: thongsuot.FieldStatusCode, Value: 200},
		}}
	}
	tcp := func(name, target string) thongsuot.Result {
		return thongsuot.Result{Probe: name, Kind: thongsuot.ProbeTCP, Target: target, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{seconds(thongsuot.FieldConnect, 7)}}
	}
	rs := []thongsuot.Result{
		ping(float64(100+i%50) * 1e-5), tcp("centre", "203.0.113.7:8086"), tcp("van-ban", "203.0.113.9:443"), page("reference", "http://203.0.113.80/"),
	}
	if i%6 == 0 {
		rs = append(rs, page("portal", "https://dichvucong.gov.vn/"), ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 1}, thongsuot.Field{Name: thongsuot.FieldCharge, Value: 1}))
	}
	var ms []agent.Measured
	for n, r := range rs {
		ms = append(ms, agent.Measured{Result: r, Began: at - time.Duration(n)*time.Second})
	}
	return stamp, ms
}

func openQueue(t *testing.T, most int64) *spool.Spool {
	t.Helper()
	cfg := spool.DefaultConfig()
	cfg.Dir, cfg.MaxBytes = t.TempDir(), most
	sp, err := spool.Open(cfg, slog.New(slog.DiscardHandler), nil, spool.WithThin(agent.RollUp))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sp.Close() })
	return sp
}

func fill(t *testing.T, sp *spool.Spool, rounds int) (bytes int) {
	t.Helper()
	var batch []spool.Record
	for i := range rounds {
		payload := agent.MarshalQuietRound(standard(i))
		bytes += len(payload)
		if batch = append(batch, spool.Record{Payload: payload}); len(batch) == 2000 || i == rounds-1 {
			if err := sp.AppendBatch(batch); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
	return bytes
}

// 35 days without the centre are kept as they were measured.
func TestThirtyFiveDaysOfTheStandardJobAreKept(t *testing.T) {
	sp := openQueue(t, spool.DefaultConfig().MaxBytes)
	const rounds = 35 * 8640
	bytes := fill(t, sp, rounds)
	st := sp.Stats()
	t.Logf("%d bytes a round, %.0f MiB in all", bytes/rounds, float64(st.Bytes)/(1<<20))
	if st.Records != rounds || st.Thinned != 0 || st.Dropped() != 0 {
		t.Errorf("kept %d of %d, %d thinned, %d dropped", st.Records, rounds, st.Thinned, st.Dropped())
	}
}

// Past the cap the oldest rounds become quarters of an hour, which still count
// every run; nothing is dropped while that helps.
func TestAtTheCapTheOldestRoundsAreRolledUp(t *testing.T) {
	sp := openQueue(t, 4<<20)
	const rounds = 3 * 8640
	fill(t, sp, rounds)
	st := sp.Stats()
	if st.Thinned == 0 || st.Dropped() != 0 {
		t.Fatalf("%d thinned, %d dropped", st.Thinned, st.Dropped())
	}
	records, err := sp.Read(1<<30, 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	runs, sent, widest := map[string]int{}, 0.0, 0
	for _, rec := range records {
		_, ms, err := agent.UnmarshalRound(rec.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range ms {
			runs[m.Probe] += m.Runs()
			widest = max(widest, m.Runs())
			n, _ := m.Field(thongsuot.FieldSent)
			sent += n
		}
	}
	if want := map[string]int{"gateway": rounds, "centre": rounds, "van-ban": rounds, "reference": rounds, "portal": rounds / 6, "ups": rounds / 6}; fmt.Sprint(runs) != fmt.Sprint(want) {
		t.Errorf("runs %v, want %v", runs, want)
	}
	if sent != 5*rounds || widest != 90 {
		t.Errorf("%v echoes, up to %d runs in one", sent, widest)
	}
	t.Logf("%d rounds in %d records", rounds, len(records))
}
