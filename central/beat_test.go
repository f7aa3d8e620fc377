package central_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"thongsuot/wire"
)

func TestBeatIsHeardAndAnswered(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	b.beat.Try = 2
	r, ok := b.send(b.beat.Marshal(b.key))
	if !ok || !r.Heard || !r.Answers(b.beat) || time.Since(r.Time).Abs() > time.Minute {
		t.Fatalf("%+v %v", r, ok)
	}
	if !strings.Contains(h.head("25051"), "ình thường") {
		t.Error("a site that beats is not shown as well")
	}
}

// A beat that came twice is answered twice, the same, and heard once.
func TestDuplicateIsAnsweredFromMemory(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	d := b.beat.Marshal(b.key)
	first, ok1 := b.send(d)
	second, ok2 := b.send(d)
	if !ok1 || !ok2 || first != second {
		t.Errorf("%+v %v, then %+v %v", first, ok1, second, ok2)
	}
	if got := h.metric(`thongsuot_beats_total{outcome="heard",way="datagram"}`); got != "1" {
		t.Errorf("heard %s times", got)
	}
}

func TestWhoCannotProveItselfGetsNoAnswer(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	b.beat.Seq = 5
	old := b.beat.Marshal(b.key)
	if r, ok := b.send(old); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	b.beat.Seq = 6
	if _, ok := b.send(b.beat.Marshal(b.key)); !ok {
		t.Fatal("a good beat was not heard")
	}
	f := func(name string, datagram []byte, outcome string) {
		t.Run(name, func(t *testing.T) {
			if r, ok := b.send(datagram); ok {
				t.Errorf("answered: %+v", r)
			}
			if got := h.metric(`thongsuot_beats_total{outcome="` + outcome + `",way="datagram"}`); got != "1" {
				t.Errorf("counted as %s: %q", outcome, got)
			}
		})
	}
	forged := bytes.Clone(old)
	forged[21] = wire.FlagOnBattery
	stranger := b.beat
	stranger.ID = [8]byte{1}
	f("replayed", old, "replayed")
	f("forged", forged, "forged")
	f("stranger", stranger.Marshal(b.key), "unknown")
	f("noise", []byte("GET / HTTP/1.1\r\n\r\n"), "malformed")
}

// A recording of a beat from before a restart is no sign of life after it.
func TestRestartForgetsNoReplay(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	recorded := b.beat.Marshal(b.key)
	if r, ok := b.send(recorded); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	h.stop()
	h.start()
	b2 := h.beater("25051")
	if r, ok := b2.send(recorded); !ok || r.Heard {
		t.Errorf("a recording is believed after a restart: %+v %v", r, ok)
	}
}

// A box whose counter of starts was lost is believed again once a write, which
// its token proves, has told the new count.
func TestLostCounterIsHealedByAWrite(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	b.beat.Start = 9
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	b.beat.Start = 2
	if _, ok := b.send(b.beat.Marshal(b.key)); ok {
		t.Fatal("an older start is answered")
	}
	if status, _, text := h.post("25051", lines(1, time.Now()), ours(2, wire.SeqRange{From: 1, To: 1})); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Error("it is not believed after the write")
	}
	b.beat.Start = 10 // a recording of the start before the loss, or one that never was
	if _, ok := b.send(b.beat.Marshal(b.key)); ok {
		t.Error("another start is believed without a write that tells it")
	}
}

func TestBeatOverHTTP(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	post := func(d []byte) (int, []byte) {
		resp, err := http.Post("http://"+h.server.WriteAddr()+wire.PathBeat, "application/octet-stream", bytes.NewReader(d))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	status, body := post(b.beat.Marshal(b.key))
	r, err := wire.UnmarshalReply(body, b.key)
	if status != http.StatusOK || err != nil || !r.Heard {
		t.Errorf("%d %v %+v", status, err, r)
	}
	if got := h.metric(`thongsuot_beats_total{outcome="heard",way="http"}`); got != "1" {
		t.Errorf("counted %q over HTTP", got)
	}
	if page := h.get("site/25051"); !strings.Contains(page, "qua HTTPS") {
		t.Error("the page does not say that beats come over HTTPS")
	}
	if status, _ := post([]byte("noise")); status != http.StatusUnauthorized {
		t.Errorf("noise: %d", status)
	}
	if status, _ := post(bytes.Repeat([]byte("x"), 10_000)); status != http.StatusBadRequest {
		t.Errorf("a large body: %d", status)
	}
}

// Whoever floods the port with noise, forgeries and recordings gets no answer,
// and does not keep a site from being heard with the tries of one beat.
func TestFloodDrownsNobody(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	old := b.beat.Marshal(b.key)
	if r, ok := b.send(old); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	b.beat.Seq = 2
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	forged := b.beat
	forged.Seq, forged.Flags = 1000, wire.FlagShuttingDown
	bad := forged.Marshal([32]byte{1})
	flood, err := net.Dial("udp", h.server.BeatAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer flood.Close()
	end := make(chan struct{})
	var flooding sync.WaitGroup
	flooding.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			for _, d := range [][]byte{old, bad, []byte("GET / HTTP/1.1\r\n\r\n")} {
				_, _ = flood.Write(d)
			}
		}
	})
	for seq := uint32(3); seq < 23; seq++ {
		b.beat.Seq, b.beat.Try = seq, 1
		heard := false
		for ; !heard && b.beat.Try <= 4; b.beat.Try++ {
			r, ok := b.send(b.beat.Marshal(b.key))
			heard = ok && r.Heard && r.Seq == seq
		}
		if !heard {
			t.Fatalf("beat %d is lost in the flood", seq)
		}
	}
	close(end)
	flooding.Wait()
	if err := flood.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := flood.Read(make([]byte, 100)); err == nil {
		t.Errorf("the flood was answered with %d bytes", n)
	}
	for _, outcome := range []string{"replayed", "forged", "malformed"} {
		if got := h.metric(`thongsuot_beats_total{outcome="` + outcome + `",way="datagram"}`); got == "0" || got == "" {
			t.Errorf("%s datagrams are not counted: %q", outcome, got)
		}
	}
}

// One beat that comes over several lines and ways at once, as the last gasp
// does, is heard once and answered on each.
func TestOneBeatOverEveryWay(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	b.beat.Flags, b.beat.Runtime = wire.FlagOnBattery, 9*time.Minute
	d := b.beat.Marshal(b.key)
	if r, ok := b.send(d); !ok || !r.Heard {
		t.Fatal("a good beat was not heard")
	}
	second := h.beater("25051")
	if r, ok := second.send(d); !ok || !r.Heard {
		t.Error("the copy over another line got no answer")
	}
	resp, err := http.Post("http://"+h.server.WriteAddr()+wire.PathBeat, "application/octet-stream", bytes.NewReader(d))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the copy over HTTP: status %d", resp.StatusCode)
	}
	if got := h.metric(`thongsuot_beats_total{outcome="heard",way="datagram"}`); got != "1" {
		t.Errorf("heard %s times", got)
	}
}
