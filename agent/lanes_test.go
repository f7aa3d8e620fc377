package agent_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/agent/spool"
	"thongsuot/wire"
)

// desk is a centre without sockets, so that its days pass in no time.
type desk struct {
	t      *testing.T
	answer func(p post, h http.Header) int // 0 is 204
	delay  func(p post) time.Duration

	mu    sync.Mutex
	epoch string
	posts []post // that were taken
	tries []post
}

type post struct {
	wire.Header
	at      time.Time
	body    int
	results []thongsuot.Result
}

func (d *desk) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	wire.SetTime(w.Header(), time.Now())
	if req.URL.Path == wire.PathPing {
		return w.Result(), nil
	}
	p := post{at: time.Now()}
	var err error
	if p.Header, _, err = wire.ParseHeader(req.Header); err != nil {
		d.t.Errorf("header: %v", err)
	}
	raw, _ := io.ReadAll(req.Body)
	p.body = len(raw)
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	body, _ := io.ReadAll(z)
	precision, _ := wire.ParsePrecision(req.URL.Query().Get("precision"))
	points, bad, err := wire.Decode(body, precision, time.Now())
	if err != nil || len(bad) > 0 {
		d.t.Errorf("body: %v %v", err, bad)
	}
	for _, pt := range points {
		r, _ := pt.Result()
		p.results = append(p.results, r)
	}
	d.mu.Lock()
	delay := d.delay
	d.mu.Unlock()
	if delay != nil {
		time.Sleep(delay(p))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set(wire.HeaderEpoch, d.epoch)
	status := http.StatusNoContent
	if d.answer != nil {
		if s := d.answer(p, w.Header()); s != 0 {
			status = s
		}
	}
	d.tries = append(d.tries, p)
	if status == http.StatusNoContent || w.Header().Get(wire.HeaderLines) != "" {
		d.posts = append(d.posts, p)
	}
	w.WriteHeader(status)
	return w.Result(), nil
}

// set changes what the desk answers.
func (d *desk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// taken are the posts so far, which it begins to count anew.
func (d *desk) taken() (posts, tries []post) {
	d.set(func() {
		posts, tries = d.posts, d.tries
		d.posts, d.tries = nil, nil
	})
	return posts, tries
}

// seqs counts how often each record was taken, by lane.
func (d *desk) seqs(lane string) map[uint64]int {
	out := map[uint64]int{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.posts {
		if p.Lane != lane && lane != "" {
			continue
		}
		for _, s := range p.Seq {
			for n := s.From; n <= s.To; n++ {
				out[n]++
			}
		}
	}
	return out
}

// runs counts the runs of a probe that arrived.
func (d *desk) runs(probe string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.posts {
		for _, r := range p.results {
			if r.Probe == probe {
				n += r.Runs()
			}
		}
	}
	return n
}

// house is an agent's way from the results to the centre, in a bubble of time.
type house struct {
	*agent.Lanes
	t     *testing.T
	desk  *desk
	dir   string
	run   string // a folder in memory, "" for none
	began time.Time
	boot  string
	sign  *thongsuot.Result
	stop  func()
}

func inBubble(t *testing.T, f func(h *house)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := &house{t: t, desk: &desk{t: t, epoch: "1"}, dir: dir, began: time.Now().Add(-time.Hour), boot: "boot-1"}
		h.start()
		f(h)
		h.stop()
	})
}

func (h *house) start() {
	h.t.Helper()
	cfg := spool.DefaultConfig()
	cfg.Dir = filepath.Join(h.dir, "spool")
	reg := prometheus.NewRegistry()
	var newest time.Duration
	sp, err := spool.Open(cfg, slog.New(slog.DiscardHandler), reg, spool.WithFound(func(r spool.Record) {
		if s, ok := agent.StampOf(r.Payload); ok {
			newest = max(newest, s.Boottime)
		}
	}))
	if err != nil {
		h.t.Fatal(err)
	}
	clock := agent.NewClock(h.boot, func() time.Duration { return time.Since(h.began) }, time.Now)
	h.Lanes = agent.NewLanes("http://centre.test", "token", h.dir, "25051", clock, sp, h.desk, h.desk, reg)
	if h.run != "" {
		if err := h.Pocket(h.run, "data", newest); err != nil {
			h.t.Fatal(err)
		}
	}
	if h.sign != nil {
		h.Sign(*h.sign)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := sp.Close(); err != nil {
			h.t.Error(err)
		}
	})
}

func ping(rtt float64) thongsuot.Result {
	return thongsuot.Result{Probe: "gateway", Kind: thongsuot.ProbeICMP, Target: "192.0.2.1", Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{
		{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldReceived, Value: 5}, {Name: thongsuot.FieldLoss, Value: 0},
		{Name: thongsuot.FieldRTTMin, Value: rtt}, {Name: thongsuot.FieldRTTMedian, Value: 2 * rtt}, {Name: thongsuot.FieldRTTP95, Value: 3 * rtt},
	}}
}

func failing() thongsuot.Result {
	r := ping(0)
	r.Reason, r.Fields = thongsuot.ReasonTimeout, nil
	return r
}

// measure takes one result every ten seconds.
func (h *house) measure(r func(i int) thongsuot.Result, rounds int) {
	for i := range rounds {
		h.Measure(r(i))
		time.Sleep(10 * time.Second)
	}
	synctest.Wait()
}

func steady(int) thongsuot.Result { return ping(0.001) }

func TestAQuietMinuteIsOnePostAndAChangeLeavesAtOnce(t *testing.T) {
	inBubble(t, func(h *house) {
		h.measure(steady, 30) // the start is a change
		h.desk.taken()
		h.measure(steady, 60)
		posts, _ := h.desk.taken()
		if n := len(posts); n < 9 || n > 11 {
			t.Errorf("%d posts in ten quiet minutes", n)
		}
		for _, p := range posts {
			if len(p.results) != 1 || p.results[0].Runs() != 6 || p.Lane != wire.LaneLive {
				t.Errorf("a quiet minute: %+v", p)
			}
		}
		at := time.Now()
		h.measure(func(int) thongsuot.Result { return failing() }, 3)
		posts, _ = h.desk.taken()
		if p := posts[0]; !p.at.Equal(at) || p.results[len(p.results)-1].OK() {
			t.Errorf("the failure came %s later: %+v", p.at.Sub(at), p)
		}
		for _, p := range posts {
			for _, r := range p.results {
				if r.At.After(at.Add(-time.Second)) && r.Runs() != 1 {
					t.Errorf("summed up around a change: %+v", r)
				}
			}
		}
		if n := len(posts); n < 3 {
			t.Errorf("three rounds around a change in %d posts", n)
		}
	})
}

func TestEveryRunArrivesOnceSummedUpOrNot(t *testing.T) {
	inBubble(t, func(h *house) {
		f := func(i int) thongsuot.Result {
			if i%77 > 70 {
				return failing()
			}
			return ping(0.001)
		}
		h.measure(f, 400)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := h.desk.runs("gateway"); n != 400 {
			t.Errorf("%d runs of 400 arrived", n)
		}
		for seq, n := range h.desk.seqs("") {
			if n != 1 {
				t.Errorf("record %d came %d times", seq, n)
			}
		}
		if live, behind, held := h.Counts(); live+behind+held != 0 || h.Spool.Stats().Records != 0 {
			t.Errorf("left: %d live, %d behind, %d held, %d in the spool", live, behind, held, h.Spool.Stats().Records)
		}
	})
}

// Six hours without the centre: the newest values come first, and while the
// backlog is on its way what is measured arrives as ever.
func TestFreshValuesDoNotWaitForABacklog(t *testing.T) {
	inBubble(t, func(h *house) {
		away := true
		h.desk.set(func() {
			h.desk.answer = func(post, http.Header) int {
				if away {
					return http.StatusBadGateway
				}
				return 0
			}
		})
		h.measure(steady, 2160)
		_, behind, _ := h.Counts()
		if behind < 2120 {
			t.Fatalf("a backlog of %d rounds", behind)
		}
		h.desk.set(func() {
			away = false
			h.desk.delay = func(p post) time.Duration { // 64 kbit/s, both lanes on one line
				return 50*time.Millisecond + time.Duration(p.body+600)*time.Second/8000
			}
		})
		back := time.Now()
		h.Heard()
		h.measure(steady, 60)
		var posts []post
		h.desk.set(func() { posts = slices.Clone(h.desk.posts) })
		first := posts[0]
		if first.Lane != wire.LaneLive || first.at.Sub(back) > 10*time.Second {
			t.Errorf("first came %s after the return: %+v", first.at.Sub(back), first.Header)
		}
		lastLive, longest := back, time.Duration(0)
		oldest := back
		for _, p := range posts {
			if p.Lane == wire.LaneLive {
				longest = max(longest, p.at.Sub(lastLive))
				lastLive = p.at
				continue
			}
			for _, r := range p.results {
				if r.At.After(oldest.Add(time.Minute)) {
					t.Fatalf("backlog of %s came after that of %s", r.At, oldest)
				}
			}
			oldest = p.results[0].At
		}
		if longest > 65*time.Second {
			t.Errorf("fresh values waited %s behind the backlog", longest)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := h.desk.runs("gateway"); n != 2220 {
			t.Errorf("%d runs of 2220 arrived", n)
		}
	})
}

// Half of what the line carries, and at least 16 kbit/s.
func TestTheBacklogTakesHalfOfTheLine(t *testing.T) {
	f := func(bytesPerSecond, bucket, most float64) {
		var p agent.Pacer
		spent, sent := 0.0, 0.0
		for range 200 {
			spooled := p.SpooledBytes()
			wire := spooled/2 + 500
			took := time.Duration(max(float64(wire)-bucket, 0)/bytesPerSecond*1e9) + 60*time.Millisecond // 20 of them the centre's
			p.Saw(wire, spooled, took, 40*time.Millisecond)
			spent += (took + p.Rest(wire, took)).Seconds()
			sent += float64(wire)
		}
		if rate := sent / spent; rate > most*1.15 || rate < most*0.6 {
			t.Errorf("a line of %.0f B/s that swallows %.0f at once: the backlog takes %.0f, want about %.0f", bytesPerSecond, bucket, rate, most)
		}
	}
	f(8000, 0, 4000)
	f(8000, 3000, 4000)
	f(125000, 0, 62500)
	f(125000, 3000, 62500)
	f(3000, 0, 2000)
}

func TestRetryAfterIsHonouredAndJittered(t *testing.T) {
	inBubble(t, func(h *house) {
		h.measure(steady, 30)
		busy, arrived := true, h.desk.runs("gateway")
		h.desk.taken()
		h.desk.set(func() {
			h.desk.answer = func(_ post, w http.Header) int {
				if !busy {
					return 0
				}
				w.Set("Retry-After", "40")
				return http.StatusTooManyRequests
			}
		})
		h.measure(steady, 30)
		_, tries := h.desk.taken()
		if len(tries) < 2 {
			t.Errorf("%d tries in five minutes", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i].at.Sub(tries[i-1].at); gap < 40*time.Second {
				t.Errorf("asked to wait 40 s, came after %s", gap)
			}
		}
		h.desk.set(func() { busy = false })
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if n := h.desk.runs("gateway") + arrived; n != 60 {
			t.Errorf("%d runs of 60 arrived", n)
		}
	})
}

// One record that the centre will never take is set aside, with its text, and
// holds nothing up: whether the centre names the line or not.
func TestARefusedRecordIsSetAsideAndBlocksNothing(t *testing.T) {
	for name, names := range map[string]bool{"the centre names the line": true, "a plain InfluxDB": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(h *house) {
				h.desk.mu.Lock()
				h.desk.answer = func(p post, w http.Header) int {
					i := slices.IndexFunc(p.results, func(r thongsuot.Result) bool { return r.Target == "poison" })
					if i < 0 {
						return 0
					}
					if names {
						w.Set(wire.HeaderLines, strconv.Itoa(i+1))
					}
					return http.StatusBadRequest
				}
				h.desk.mu.Unlock()
				h.measure(steady, 60)
				h.Measure(thongsuot.Result{Probe: "x", Kind: thongsuot.ProbeTCP, Target: "poison", Reason: thongsuot.ReasonOK})
				h.measure(steady, 60)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if n := h.desk.runs("gateway"); n < 119 { // of InfluxDB, the round that it came in is gone as a whole
					t.Errorf("%d runs of 120 arrived", n)
				}
				if st := h.Spool.Stats(); st.Records != 0 {
					t.Errorf("%d records stay", st.Records)
				}
				b, err := os.ReadFile(filepath.Join(h.dir, "quarantine.jsonl"))
				if err != nil || strings.Count(string(b), "\n") != 1 || !strings.Contains(string(b), "target=poison") {
					t.Errorf("quarantine: %v\n%s", err, b)
				}
			})
		})
	}
}

// What the centre acknowledged shortly before it restarted is offered again,
// marked as such; what it has had for long is not.
func TestARestartOfTheCentreIsOfferedTheLastMinutesAgain(t *testing.T) {
	inBubble(t, func(h *house) {
		h.measure(steady, 60)
		before := h.desk.seqs("")
		h.desk.mu.Lock()
		h.desk.epoch, h.desk.posts = "2", nil
		h.desk.mu.Unlock()
		h.measure(steady, 30)
		again := 0
		for seq := range h.desk.seqs(wire.LaneBacklog) {
			if before[seq] > 0 {
				again++
			}
		}
		if again < 6 || again > 18 {
			t.Errorf("%d records offered again, want those of the last two minutes", again)
		}
		posts, _ := h.desk.taken()
		for _, p := range posts {
			if p.Again != (p.Lane == wire.LaneBacklog) {
				t.Errorf("post %+v", p.Header)
			}
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if st := h.Spool.Stats(); st.Records != 0 {
			t.Errorf("%d records stay", st.Records)
		}
	})
}

// A beat tells of the restart before the next post does.
func TestARestartHeardInABeatIsFollowedByTheOfferAtOnce(t *testing.T) {
	inBubble(t, func(h *house) {
		h.measure(steady, 60)
		for posts, _ := h.desk.taken(); len(posts) == 0; posts, _ = h.desk.taken() { // until right after the minute's post
			time.Sleep(time.Second)
			synctest.Wait()
		}
		h.desk.set(func() { h.desk.epoch = "2" })
		h.Told("1")
		h.Told("2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		posts, _ := h.desk.taken()
		again := 0
		for _, p := range posts {
			if p.Lane != wire.LaneBacklog || !p.Again {
				t.Errorf("post %+v", p.Header)
			}
			for _, r := range p.Seq {
				again += int(r.To - r.From + 1)
			}
		}
		if again < 6 || again > 18 {
			t.Errorf("%d records offered again within 5 s of the beat, want those of the last two minutes", again)
		}
	})
}

// An agent that ends keeps what the centre may still forget, and says it again
// under the same numbers.
func TestARestartOfTheAgentKeepsTheNumbers(t *testing.T) {
	inBubble(t, func(h *house) {
		h.measure(steady, 31)
		h.stop()
		before := h.desk.seqs("")
		h.desk.taken()
		h.start()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(h.desk.seqs("")) == 0 {
			t.Error("nothing was kept")
		}
		for seq := range h.desk.seqs("") {
			if before[seq] != 1 && seq <= slices.Max(keys(before)) {
				t.Errorf("record %d is new", seq)
			}
		}
	})
}

func keys(m map[uint64]int) (out []uint64) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestSummingUp(t *testing.T) {
	var ms []agent.Measured
	for i := range 6 {
		r := ping(float64(i+1) / 1000)
		if i == 3 {
			r.Fields[1].Value, r.Fields[2].Value = 4, 0.2
		}
		ms = append(ms, agent.Measured{Result: r, Began: time.Duration(i) * 10 * time.Second})
	}
	ms = append(ms, agent.Measured{Result: failing(), Began: 15 * time.Second})
	got := agent.Summarise(ms)
	if len(got) != 2 || got[0].OK() || got[0].Runs() != 1 {
		t.Fatalf("got %+v", got)
	}
	all := got[1]
	want := map[string]float64{"sent": 30, "received": 29, "loss_ratio": 1 - 29.0/30, "rtt_min_seconds": 0.001, "rtt_median_seconds": 0.006, "rtt_p95_seconds": 0.018, "runs": 6}
	for name, v := range want {
		if g, _ := all.Field(name); fmt.Sprintf("%.6f", g) != fmt.Sprintf("%.6f", v) {
			t.Errorf("%s: %v, want %v", name, g, v)
		}
	}
	if all.Began != 50*time.Second || len(all.Fields) != len(want) {
		t.Errorf("got %+v", all)
	}
	// In two steps the counts are the same.
	half := append(agent.Summarise(ms[:3]), ms[3:6]...)
	if twice := agent.Summarise(half); len(twice) != 1 || twice[0].Runs() != 6 {
		t.Errorf("in two steps: %+v", twice)
	}
}
