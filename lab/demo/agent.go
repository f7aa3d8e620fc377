package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"thongsuot"
	"thongsuot/identity"
	"thongsuot/lab/sim"
	"thongsuot/wire"
)

const (
	tick        = 8 // looks at the model in each beat
	batch       = 60
	fresh       = 6 // records in a post that waits for no other site
	retry       = 2 * time.Second
	answerIn    = time.Second
	postTimeout = 20 * time.Second
	version     = "simulated"
)

// agent speaks for one simulated site over real sockets: it beats, keeps what
// it measured until the centre has it, and posts the newest first.
type agent struct {
	site  sim.Site
	pace  sim.Pace
	token string
	key   [32]byte
	url   string // of the write API
	addr  string // of the beats
	http  *http.Client
	gate  chan struct{} // one backlog at a time, so that live rounds do not wait
	log   *slog.Logger

	beats uint32 // since the start
	epoch uint32
	wake  chan struct{}

	mu    sync.Mutex
	seq   uint64   // of the newest record
	boot  string   // of the newest record
	spool []record // oldest first
}

// record is one spooled round.
type record struct {
	seq     uint64
	boot    string
	results []thongsuot.Result
}

// run plays the site: first what it measured in the time before, which it
// could not send, then as time goes on.
func (a *agent) run(ctx context.Context, begin time.Time) {
	rounds := sim.NewRounds(a.site, a.pace)
	now := time.Now()
	for t := begin; t.Before(now); t = t.Add(a.pace.Round) {
		a.keep(t, rounds.At(t))
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.uplink(ctx) })

	// Sites beat spread over the interval.
	phase := time.Duration(sim.Draw(a.site.Seed, "phase", 0) * float64(a.pace.Beat))
	next := now.Add(phase)
	var said sim.State
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	clock := time.NewTicker(a.pace.Beat / tick)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		now = time.Now()
		st := a.site.At(now)
		a.keep(now, rounds.At(now))
		edge := st.On && (st.Battery != said.Battery || st.Low != said.Low || st.Ending != said.Ending || st.Boots != said.Boots)
		if st.Boots != said.Boots {
			a.beats = 0
		}
		said = st
		if !st.On || !st.Line || now.Before(next) && !edge {
			continue
		}
		if !now.Before(next) {
			next = next.Add((now.Sub(next)/a.pace.Beat + 1) * a.pace.Beat)
		}
		var err error
		if conn, err = a.beat(ctx, conn, st); err != nil && ctx.Err() == nil {
			a.log.Debug("beat unanswered", "site", a.site.Code, "err", err)
		}
	}
}

// keep spools a round as one record.
func (a *agent) keep(t time.Time, results []thongsuot.Result) {
	if len(results) == 0 {
		return
	}
	st := a.site.At(t)
	boot := a.site.BootID(st.Boots)
	a.mu.Lock()
	a.seq++
	if a.boot != boot { // first words of a start
		a.boot = boot
		results = append(results, thongsuot.Result{
			Probe: "agent", Kind: thongsuot.ProbeAgent, At: t, Reason: thongsuot.ReasonOK, Detail: version,
			Fields: []thongsuot.Field{{Name: thongsuot.FieldStopping}, {Name: thongsuot.FieldUptime, Value: t.Sub(st.Since).Seconds()}},
		})
	}
	a.spool = append(a.spool, record{a.seq, boot, results})
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// beat sends one beat, three times at most.
func (a *agent) beat(ctx context.Context, conn net.Conn, st sim.State) (net.Conn, error) {
	if conn == nil {
		var err error
		if conn, err = new(net.Dialer).DialContext(ctx, "udp", a.addr); err != nil {
			return nil, err
		}
	}
	a.beats++
	a.mu.Lock()
	newest := a.seq
	a.mu.Unlock()
	flags, runtime := a.site.Flags(st)
	m := wire.Beat{
		ID: identity.BeatID(identity.Hash(a.token)), Start: uint32(st.Boots + 1), Seq: a.beats, Flags: flags, Runtime: runtime,
		Boottime: time.Since(st.Since), NewestSeq: newest,
	}
	buf := make([]byte, wire.BeatSize+1)
	for m.Try = 1; m.Try <= 3; m.Try++ {
		m.Epoch = a.epoch
		if err := conn.SetDeadline(time.Now().Add(answerIn)); err != nil {
			return conn, err
		}
		if _, err := conn.Write(m.Marshal(a.key)); err != nil {
			return conn, err
		}
		n, err := conn.Read(buf)
		if err != nil {
			continue
		}
		r, err := wire.UnmarshalReply(buf[:n], a.key)
		if err != nil {
			return conn, err
		}
		a.epoch = r.Epoch
		if r.Heard && r.Answers(m) {
			return conn, nil
		}
	}
	return conn, errors.New("not heard")
}

// uplink empties the spool while the line is there.
func (a *agent) uplink(ctx context.Context) {
	for {
		var pause <-chan time.Time
		switch sent, err := a.step(ctx); {
		case err != nil:
			if ctx.Err() == nil {
				a.log.Warn("post not stored, it will be tried again", "site", a.site.Code, "err", err)
			}
			pause = time.After(retry)
		case sent:
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-pause:
		case <-a.wake:
		}
	}
}

// step posts the newest records of one boot; sent is false when there is
// nothing to post or no line.
func (a *agent) step(ctx context.Context) (sent bool, err error) {
	st := a.site.At(time.Now())
	rs := a.newest()
	if len(rs) == 0 || !st.On || !st.Line || ctx.Err() != nil {
		return false, nil
	}
	if len(rs) > fresh { // a backlog waits its turn, fresh rounds do not
		select {
		case a.gate <- struct{}{}:
			defer func() { <-a.gate }()
		case <-ctx.Done():
			return false, nil
		}
	}
	if err := a.post(ctx, st, rs); err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.spool[:0]
	for _, r := range a.spool {
		if r.seq < rs[0].seq || r.seq > rs[len(rs)-1].seq {
			kept = append(kept, r)
		}
	}
	clear(a.spool[len(kept):])
	a.spool = kept
	return true, nil
}

// newest are the last records in the spool that are of one boot.
func (a *agent) newest() []record {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.spool)
	first := n
	for first > 0 && n-first < batch && a.spool[first-1].boot == a.spool[n-1].boot {
		first--
	}
	return append([]record(nil), a.spool[first:]...)
}

// post writes records and returns once the centre has them. The spool is in
// the order of its numbers without gaps between those of one post, as only
// the newest leave it.
func (a *agent) post(ctx context.Context, st sim.State, rs []record) error {
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	h := wire.Header{Boot: rs[0].boot, Running: a.site.BootID(st.Boots), Start: uint32(st.Boots + 1), Version: version}
	for _, r := range rs {
		lines, err := wire.Encode(r.results)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(z, strings.Join(lines, "\n")+"\n"); err != nil {
			return err
		}
		if n := len(h.Seq); n > 0 && h.Seq[n-1].To+1 == r.seq {
			h.Seq[n-1].To = r.seq
		} else {
			h.Seq = append(h.Seq, wire.SeqRange{From: r.seq, To: r.seq})
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+wire.PathWrite+"?org=demo&bucket=demo&precision=ms", &body)
	if err != nil {
		return err
	}
	h.Set(req.Header)
	req.Header.Set("Authorization", "Token "+a.token)
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err == nil && resp.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	return err
}
