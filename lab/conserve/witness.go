package conserve

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	probeCount = 48
	probeEvery = 3 * time.Second
	mostBody   = 60_000 // the agent reads up to 65,536 bytes
	// handTime is how long an answer may take from the server to the agent's
	// disk. A sync of a busy disk can take that long.
	handTime = time.Second
)

func probeName(i int) string { return fmt.Sprintf("w%02d", i) }

// witness is the server that the agent probes. It remembers what it answered.
type witness struct {
	server *http.Server
	addr   string

	mu     sync.Mutex
	served map[string][]time.Time // by probe; the answer at i was i+1 bytes long
	kills  []time.Time            // of the agent
	closed bool                   // answers, and counts no more
}

func newWitness() (*witness, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &witness{addr: ln.Addr().String(), served: map[string][]time.Time{}}
	w.server = &http.Server{Handler: w, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)}
	go func() { _ = w.server.Serve(ln) }() // ends with close
	return w, nil
}

func (w *witness) close() { _ = w.server.Close() }

// ServeHTTP gives the next answer to a probe, which the path names.
func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	n := 0
	if probe := r.URL.Path[1:]; !w.closed && len(w.served[probe]) < mostBody {
		w.served[probe] = append(w.served[probe], time.Now())
		n = len(w.served[probe])
	}
	w.mu.Unlock()
	if n%2 == 0 {
		out.WriteHeader(http.StatusNotFound)
	}
	_, _ = out.Write(bytes.Repeat([]byte{'x'}, n)) // the agent was killed
}

// killed notes that the agent lost what it had in its hands.
func (w *witness) killed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kills = append(w.kills, time.Now())
}

// end lets the agent probe on, and counts no more of it.
func (w *witness) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// inHand tells whether an answer may have been on no disk when the agent was killed.
func (w *witness) inHand(at time.Time) bool {
	for _, k := range w.kills {
		if d := k.Sub(at); d >= 0 && d < handTime {
			return true
		}
	}
	return false
}
