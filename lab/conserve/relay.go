package conserve

import (
	"io"
	"net"
	"sync"
	"time"
)

// relay is the line between the agent and the centre: TCP for results, UDP for
// beats. It can be cut and be slow, and leads to wherever the centre is now.
type relay struct {
	tcp net.Listener
	udp net.PacketConn

	mu       sync.Mutex
	writes   string // of the centre; "" while it is away
	beats    string
	cut      bool
	rate     int // bytes a second each way; 0 is no limit
	open     map[net.Conn]bool
	upstream map[string]net.Conn // for beats, by sender
}

func newRelay() (*relay, error) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		_ = tcp.Close()
		return nil, err
	}
	r := &relay{tcp: tcp, udp: udp, open: map[net.Conn]bool{}, upstream: map[string]net.Conn{}}
	go r.accept()
	go r.beatsUp()
	return r, nil
}

func (r *relay) close() {
	_ = r.tcp.Close()
	_ = r.udp.Close()
	r.setCut(true)
}

// lead points the line to the centre.
func (r *relay) lead(writes, beats string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes, r.beats = writes, beats
	r.breakAll()
}

// setCut cuts the line or mends it.
func (r *relay) setCut(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	r.breakAll()
}

func (r *relay) setRate(bytesPerSecond int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate = bytesPerSecond
	r.breakAll()
}

// breakAll ends what goes through the line; r.mu is held.
func (r *relay) breakAll() {
	for c := range r.open {
		_ = c.Close()
	}
	clear(r.open)
	for _, c := range r.upstream {
		_ = c.Close()
	}
	clear(r.upstream)
}

func (r *relay) accept() {
	for {
		c, err := r.tcp.Accept()
		if err != nil {
			return
		}
		go r.carry(c)
	}
}

func (r *relay) carry(near net.Conn) {
	defer near.Close()
	r.mu.Lock()
	to, cut, rate := r.writes, r.cut, r.rate
	r.mu.Unlock()
	if cut || to == "" {
		return
	}
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	r.mu.Lock()
	if r.cut || r.writes != to {
		r.mu.Unlock()
		return
	}
	r.open[near], r.open[far] = true, true
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.open, near)
		delete(r.open, far)
		r.mu.Unlock()
	}()
	var both sync.WaitGroup
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, slow{from, rate}) // the line breaks as lines do
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { pipe(far, near) })
	both.Go(func() { pipe(near, far) })
	both.Wait()
}

// slow lets so many bytes a second through.
type slow struct {
	from io.Reader
	rate int
}

func (s slow) Read(p []byte) (int, error) {
	if s.rate == 0 {
		return s.from.Read(p)
	}
	n, err := s.from.Read(p[:min(len(p), max(s.rate/10, 1))])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate)) // the line's own pace
	return n, err
}

// beatsUp carries datagrams to the centre; a way back belongs to each sender.
func (r *relay) beatsUp() {
	buf := make([]byte, 1500)
	for {
		n, from, err := r.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if c := r.way(from); c != nil {
			_, _ = c.Write(buf[:n]) // lost like any datagram
		}
	}
}

func (r *relay) way(from net.Addr) net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut || r.beats == "" {
		return nil
	}
	if c := r.upstream[from.String()]; c != nil {
		return c
	}
	c, err := net.Dial("udp", r.beats)
	if err != nil {
		return nil
	}
	r.upstream[from.String()] = c
	go func() {
		buf := make([]byte, 1500)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			_, _ = r.udp.WriteTo(buf[:n], from)
		}
	}()
	return c
}
