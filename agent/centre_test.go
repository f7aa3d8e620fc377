package agent_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/identity"
	"thongsuot/probes"
	"thongsuot/wire"
)

// centre is a stand-in that speaks the centre's protocol over real sockets and
// keeps what it acknowledged. Its answers can be changed while it runs.
type centre struct {
	t     *testing.T
	http  *httptest.Server
	udp   net.PacketConn
	token string
	key   [32]byte
	epoch uint32

	mu       sync.Mutex
	status   int                                        // of writes; 0 is 204
	refuse   func(lines []thongsuot.Result) (int, bool) // status for one body
	deaf     bool                                       // datagrams are not answered
	drop     func(wire.Beat) bool                       // those that get lost on the way
	junk     func(good []byte) [][]byte                 // what comes before a good answer
	from     map[string]int                             // beats heard, by way and the sender's address
	results  []thongsuot.Result
	seqs     map[uint64]int
	seqsOf   [][]uint64 // records that came with each of results
	writes   []wire.Header
	beats    []wire.Beat
	httpBeat int
	names    string        // what it is given for names, as JSON; "" is a receiver that does not tell
	events   chan struct{} // something was taken in
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{t: t, token: identity.NewToken(), epoch: 7, seqs: map[uint64]int{}, events: make(chan struct{}, 1)}
	var err error
	if c.key, err = identity.BeatKey(c.token); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.PathPing, func(w http.ResponseWriter, _ *http.Request) { wire.SetTime(w.Header(), time.Now()) })
	mux.HandleFunc("POST "+wire.PathWrite, c.write)
	mux.HandleFunc("GET "+wire.PathNames, c.tellNames)
	mux.HandleFunc("POST "+wire.PathBeat, c.postBeat)
	c.http = httptest.NewServer(mux)
	t.Cleanup(c.http.Close)
	if c.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.udp.Close() })
	go c.listen()
	return c
}

func (c *centre) write(w http.ResponseWriter, r *http.Request) {
	wire.SetTime(w.Header(), time.Now())
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.Header.Get("Authorization") != "Token "+c.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(z)
	h, ok, err := wire.ParseHeader(r.Header)
	if err != nil || !ok {
		c.t.Errorf("header: %v %v", ok, err)
	}
	precision, _ := wire.ParsePrecision(r.URL.Query().Get("precision"))
	points, bad, err := wire.Decode(body, precision, time.Now())
	if err != nil || len(bad) > 0 {
		c.t.Errorf("body: %v %v", bad, err)
	}
	var rs []thongsuot.Result
	for _, p := range points {
		if r, ok := p.Result(); ok {
			rs = append(rs, r)
		}
	}
	w.WriteHeader(c.take(h, rs))
	c.tell()
}

func (c *centre) take(h wire.Header, rs []thongsuot.Result) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = append(c.writes, h)
	if c.status != 0 {
		return c.status
	}
	if c.refuse != nil {
		if status, refused := c.refuse(rs); refused {
			return status
		}
	}
	c.results = append(c.results, rs...)
	for range rs {
		var all []uint64
		for _, s := range h.Seq {
			for n := s.From; n <= s.To; n++ {
				all = append(all, n)
			}
		}
		c.seqsOf = append(c.seqsOf, all)
	}
	for _, s := range h.Seq {
		for n := s.From; n <= s.To; n++ {
			c.seqs[n]++
		}
	}
	return http.StatusNoContent
}

func (c *centre) tellNames(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.names == "":
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Token "+c.token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		_, _ = io.WriteString(w, c.names)
	}
}

func (c *centre) postBeat(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if reply := c.hear(body); reply != nil {
		c.mu.Lock()
		c.httpBeat++
		c.mu.Unlock()
		_, _ = w.Write(reply)
		c.came("http", r.RemoteAddr)
		c.tell()
	}
}

func (c *centre) listen() {
	buf := make([]byte, 100)
	for {
		n, from, err := c.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		deaf := c.deaf
		if b, err := wire.UnmarshalBeat(buf[:n], c.key); err == nil && c.drop != nil && c.drop(b) {
			deaf = true
		}
		c.mu.Unlock()
		if deaf {
			continue
		}
		if reply := c.hear(buf[:n]); reply != nil {
			for _, d := range c.before(reply) {
				_, _ = c.udp.WriteTo(d, from)
			}
			_, _ = c.udp.WriteTo(reply, from)
			c.came("datagram", from.String())
			c.tell()
		}
	}
}

func (c *centre) hear(datagram []byte) []byte {
	b, err := wire.UnmarshalBeat(datagram, c.key)
	if err != nil {
		c.t.Errorf("beat: %v", err)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := wire.Reply{ID: b.ID, Start: b.Start, Seq: b.Seq, Try: b.Try, Time: time.Now(), Epoch: c.epoch, Heard: b.Epoch == c.epoch}
	if r.Heard {
		c.beats = append(c.beats, b)
	}
	return r.Marshal(c.key)
}

// came counts who was answered.
func (c *centre) came(way, addr string) {
	host, _, _ := net.SplitHostPort(addr)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.from == nil {
		c.from = map[string]int{}
	}
	c.from[way+" "+host]++
}

func (c *centre) before(reply []byte) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.junk == nil {
		return nil
	}
	return c.junk(reply)
}

func (c *centre) tell() {
	select {
	case c.events <- struct{}{}:
	default:
	}
}

// seqOf is the oldest record that can hold the first result for which is holds.
func (c *centre) seqOf(is func(thongsuot.Result) bool) uint64 {
	return slices.Min(c.seqsOf[slices.IndexFunc(c.results, is)])
}

// until waits until what was taken in satisfies cond.
func (c *centre) until(what string, cond func() bool) {
	c.t.Helper()
	limit := time.After(40 * time.Second)
	for {
		c.mu.Lock()
		done := cond()
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.events:
		case <-limit:
			c.t.Fatalf("%s did not come", what)
		}
	}
}

// set changes how the centre answers.
func (c *centre) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// config is an agent that asks a port on loopback and a portal stub, in dir.
func (c *centre) config(dir string) agent.Config {
	c.t.Helper()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(c.token), 0o600); err != nil {
		c.t.Fatal(err)
	}
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Cổng Dịch vụ công") }))
	c.t.Cleanup(portal.Close)
	cfg := agent.DefaultConfig()
	cfg.RunDir = ""
	cfg.Site, cfg.DataDir, cfg.Listen, cfg.Round = "25051", filepath.Join(dir, "data"), "127.0.0.1:0", time.Second
	cfg.Centre.URL, cfg.Centre.TokenFile, cfg.Centre.Beat = c.http.URL, tokenFile, c.udp.LocalAddr().String()
	cfg.Probes.Gateway, cfg.Probes.Resolvers, cfg.Probes.Mains = "off", []string{"off"}, false
	cfg.Probes.Portals[0].URL = portal.URL + "/"
	return cfg
}

// start runs an agent until the test, or stop, ends it.
func start(t *testing.T, cfg agent.Config) (a *agent.Agent, stop func()) {
	t.Helper()
	return startWith(t, cfg, func(*agent.Agent) {})
}

// startWith does so once change has had its way with it.
func startWith(t *testing.T, cfg agent.Config, change func(*agent.Agent)) (a *agent.Agent, stop func()) {
	t.Helper()
	a, err := agent.New(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	change(a)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return a, stop
}

// lastStart is the start of the agent as the newest write tells it.
func (c *centre) lastStart() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writes[len(c.writes)-1].Start
}

func connects(name string, port int) probes.TCPConfig {
	cfg := probes.DefaultTCPConfig()
	cfg.Name, cfg.Host, cfg.Port = name, "127.0.0.1", port
	return cfg
}
