package conserve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"thongsuot/wire"
)

// meddler stands before the centre and does to writes what a bad line, a
// balancer and impatient clients do.
type meddler struct {
	server *http.Server
	addr   string
	to     string // the centre
	client *http.Client

	mu    sync.Mutex
	rng   *rand.Rand
	late  []*http.Request // to be sent when others were
	times int             // that it meddled
}

func newMeddler(to string, rng *rand.Rand) (*meddler, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meddler{addr: ln.Addr().String(), to: to, client: &http.Client{Timeout: 20 * time.Second}, rng: rng}
	m.server = &http.Server{Handler: m, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	go func() { _ = m.server.Serve(ln) }() // ends with close
	return m, nil
}

// close sends what is late and ends.
func (m *meddler) close() {
	_ = m.server.Close()
	m.catchUp(0)
	m.client.CloseIdleConnections()
}

// What is done to a write.
const (
	pass = iota
	twice
	noAnswer
	later
	split
	wait
	deeds
)

// ServeHTTP does something to a write and passes all else on.
func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	deed := pass
	if r.URL.Path == wire.PathWrite {
		deed = m.choose(r)
	}
	switch deed {
	case later:
		m.mu.Lock()
		m.late = append(m.late, m.copy(r, body))
		m.mu.Unlock()
		panic(http.ErrAbortHandler)
	case split:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case wait:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case twice:
		m.send(m.copy(r, body))
	}
	resp, err := m.client.Do(m.copy(r, body))
	if err != nil || deed == noAnswer {
		if err == nil {
			_ = resp.Body.Close()
		}
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // the agent went away
	m.catchUp(2)
}

func (m *meddler) choose(r *http.Request) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	deed := m.rng.IntN(deeds)
	if h, ok, err := wire.ParseHeader(r.Header); deed == split && (err != nil || !ok || len(h.Seq) == 1 && h.Seq[0].From == h.Seq[0].To) {
		return pass // one record cannot be split
	}
	if deed != pass {
		m.times++
	}
	return deed
}

// copy is the same request to the centre.
func (m *meddler) copy(r *http.Request, body []byte) *http.Request {
	out := r.Clone(context.Background())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", m.to
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return out
}

func (m *meddler) send(r *http.Request) {
	if resp, err := m.client.Do(r); err == nil {
		_ = resp.Body.Close()
	}
}

// catchUp sends the newest of the late ones first until few are left.
func (m *meddler) catchUp(few int) {
	for {
		m.mu.Lock()
		n := len(m.late)
		if n <= few {
			m.mu.Unlock()
			return
		}
		r := m.late[n-1]
		m.late = m.late[:n-1]
		m.mu.Unlock()
		m.send(r)
	}
}

const meddling = 20 * time.Second

func batches(ctx context.Context, h *house) (int, error) {
	said, err := h.centre.works(ctx)
	if err != nil {
		return 0, err
	}
	m, err := newMeddler(said[2], h.rng())
	if err != nil {
		return 0, err
	}
	h.line.lead(m.addr, said[3])
	err = sleep(ctx, meddling)
	h.line.lead(said[2], said[3])
	m.close()
	return m.times, err
}
