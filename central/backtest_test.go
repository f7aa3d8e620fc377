package central_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/central"
	"thongsuot/identity"
	"thongsuot/lab/sim"
	"thongsuot/ledger"
	"thongsuot/wire"
)

// past is a centre that lived through a morning of simulated sites: their beats
// and writes went through its own ingest into its own store and ledger.
type past struct {
	t        *testing.T
	cfg      central.Config
	from, to time.Time
}

func livedThrough(t *testing.T, lasts time.Duration, faults ...sim.Fault) past {
	t.Helper()
	dir := t.TempDir()
	p := past{t: t, cfg: central.DefaultConfig(), from: time.Now().Add(-6 * time.Hour).Truncate(time.Minute)}
	p.to = p.from.Add(lasts)
	sites := "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n24712,commune,commune,Quảng Phú,active\n"
	if err := os.MkdirAll(filepath.Join(dir, "registry"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "registry", "sites.csv"), []byte(sites), 0o644); err != nil {
		t.Fatal(err)
	}
	p.cfg.DataDir, p.cfg.Registry = filepath.Join(dir, "data"), []string{filepath.Join(dir, "registry")}
	p.cfg.Alerting.Receivers = []alerting.Receiver{{Name: "vận hành"}}
	var clock atomic.Int64 // the store looks at it from goroutines of its own
	clock.Store(p.from.UnixNano())
	v, err := central.NewVirtual(p.cfg, func() time.Time { return time.Unix(0, clock.Load()) })
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(v.Write)
	defer srv.Close()
	var agents []*simulated
	for _, code := range []string{"25051", "24712"} {
		agents = append(agents, newSimulated(t, v, srv.URL, code, p.from, faults))
	}
	for now := p.from; now.Before(p.to); now = now.Add(time.Second) {
		clock.Store(now.UnixNano())
		for _, a := range agents {
			a.lives(now)
		}
		if err := v.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := v.Ledger.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// simulated is the agent of a simulated site: it beats, writes each minute, and
// brings what it measured while the line was cut.
type simulated struct {
	t      *testing.T
	v      *central.Virtual
	url    string
	token  string
	key    [32]byte
	site   sim.Site
	rounds *sim.Rounds
	beat   wire.Beat
	spool  []thongsuot.Result
	seq    uint64
}

func newSimulated(t *testing.T, v *central.Virtual, url, code string, born time.Time, faults []sim.Fault) *simulated {
	t.Helper()
	a := &simulated{t: t, v: v, url: url, token: identity.NewToken(), site: sim.NewSite(1, code)}
	a.site.UPS, a.site.Born = true, born.Add(-time.Hour)
	a.site = a.site.With(faults)
	a.rounds = sim.NewRounds(a.site, sim.RealPace())
	var err error
	if a.key, err = identity.BeatKey(a.token); err != nil {
		t.Fatal(err)
	}
	if err := v.Ledger.PutToken(t.Context(), ledger.Token{Hash: identity.Hash(a.token), Site: code, BeatKey: a.key, Created: born}); err != nil {
		t.Fatal(err)
	}
	a.beat = wire.Beat{ID: identity.BeatID(identity.Hash(a.token)), Epoch: 1, Try: 1}
	return a
}

func (a *simulated) lives(now time.Time) {
	a.t.Helper()
	st := a.site.At(now)
	a.spool = append(a.spool, a.rounds.At(now)...)
	if !st.On || !st.Line {
		return
	}
	if now.Unix()%5 == 0 {
		a.beat.Start, a.beat.Seq = uint32(st.Boots+1), a.beat.Seq+1
		a.beat.Flags, a.beat.Runtime = a.site.Flags(st)
		if a.v.Beat(a.t.Context(), a.beat.Marshal(a.key)) == nil {
			a.t.Fatalf("a beat of %s at %s is not answered", a.site.Code, now)
		}
	}
	if now.Unix()%60 == 7 && len(a.spool) > 0 {
		a.write(st)
	}
}

func (a *simulated) write(st sim.State) {
	a.t.Helper()
	lines, err := wire.Encode(a.spool)
	if err != nil {
		a.t.Fatal(err)
	}
	a.spool = nil
	a.seq++
	req, err := http.NewRequest(http.MethodPost, a.url+wire.PathWrite+"?bucket=b&org=o&precision=ms", bytes.NewReader([]byte(strings.Join(lines, "\n"))))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+a.token)
	boot := a.site.BootID(st.Boots)
	wire.Header{Boot: boot, Running: boot, Start: uint32(st.Boots + 1), Seq: []wire.SeqRange{{From: a.seq, To: a.seq}}, Version: "sim"}.Set(req.Header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		a.t.Fatalf("write of %s: %s", a.site.Code, resp.Status)
	}
}

func (p past) backtest(change func(*central.Config)) central.Backtest {
	p.t.Helper()
	other := p.cfg
	change(&other)
	b, err := central.RunBacktest(p.t.Context(), p.cfg, other.Incident, p.from, p.to, slog.New(slog.DiscardHandler))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func TestBacktest(t *testing.T) {
	at := time.Now().Add(-6 * time.Hour).Truncate(time.Minute)
	fault := func(kind sim.Kind, after, lasts time.Duration, site string) sim.Fault {
		return sim.Fault{Kind: kind, Sites: []string{site}, Start: at.Add(after), End: at.Add(after + lasts)}
	}
	p := livedThrough(t, 70*time.Minute,
		fault(sim.LineCut, 10*time.Minute+2*time.Second, 25*time.Second, "25051"),
		fault(sim.LineCut, 20*time.Minute+2*time.Second, 8*time.Minute, "24712"),
		fault(sim.PowerCut, 40*time.Minute+2*time.Second, 10*time.Minute, "25051"))

	same := p.backtest(func(*central.Config) {})
	if same.Sites != 2 || same.Base == 0 || len(same.Added)+len(same.Removed)+len(same.Changed) != 0 {
		t.Errorf("the same rules: %+v", same)
	}
	if same.OnRecord == 0 || same.Unmatched != 0 {
		t.Errorf("of %d incidents on record the history does not show %d", same.OnRecord, same.Unmatched)
	}

	// With more patience, the short cut is no incident, and the long one is told later.
	patient := p.backtest(func(c *central.Config) { c.Incident.MinBeats = 8 })
	if len(patient.Removed) != 1 || patient.Removed[0].Site != "25051" || patient.Removed[0].Start.Sub(p.from).Round(time.Minute) != 10*time.Minute || len(patient.Added) != 0 {
		t.Errorf("patient: removed %+v, added %+v", patient.Removed, patient.Added)
	}
	if len(patient.Changed) != 1 || patient.Changed[0].Base.Site != "24712" || patient.Changed[0].Delay != 30 {
		t.Errorf("patient: changed %+v, want 24712 told six beats later", patient.Changed)
	}
	if m := patient.Messages; len(m) != 1 || m[0].Receiver != "vận hành" || m[0].Base <= m[0].Other || m[0].Other == 0 {
		t.Errorf("patient: messages %+v", m)
	}

	// The other way round, what was not told then is found in the history.
	p.cfg.Incident.MinBeats = 8
	quick := p.backtest(func(c *central.Config) { c.Incident.MinBeats = 2 })
	if len(quick.Added) != 1 || quick.Added[0].Site != "25051" || len(quick.Removed) != 0 {
		t.Errorf("quick: added %+v, removed %+v", quick.Added, quick.Removed)
	}
}
