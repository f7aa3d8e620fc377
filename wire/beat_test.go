package wire_test

import (
	"errors"
	"testing"
	"time"

	"thongsuot/wire"
)

var (
	key   = [32]byte{1, 2, 3}
	other = [32]byte{3, 2, 1}
	beat  = wire.Beat{
		ID: [8]byte{9, 8, 7}, Start: 3, Seq: 77, Try: 2, Flags: wire.FlagOnBattery | wire.FlagShuttingDown,
		Runtime: 9 * time.Minute, Boottime: 26*time.Hour + 5*time.Millisecond, Every: 30 * time.Second, NewestSeq: 1 << 50, Epoch: 42,
	}
)

func TestBeatRoundTrip(t *testing.T) {
	d := beat.Marshal(key)
	if len(d) != wire.BeatSize || len(d) > 64 {
		t.Errorf("size %d", len(d))
	}
	got, err := wire.UnmarshalBeat(d, key)
	if err != nil || got != beat {
		t.Errorf("got %+v, %v", got, err)
	}
	id, err := wire.BeatID(d)
	if err != nil || id != beat.ID {
		t.Errorf("id %v, %v", id, err)
	}
	r := wire.Reply{ID: beat.ID, Start: 3, Seq: 77, Try: 2, Time: at, Epoch: 42, Heard: true}
	d = r.Marshal(key)
	if len(d) != wire.BeatSize {
		t.Errorf("a reply of %d bytes to a beat of %d", len(d), wire.BeatSize)
	}
	back, err := wire.UnmarshalReply(d, key)
	if err != nil || back != r || !back.Answers(beat) {
		t.Errorf("got %+v, %v", back, err)
	}
	if _, err := wire.BeatID(d); err == nil {
		t.Error("a reply passes for a beat, so two centres could talk for ever")
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	d := beat.Marshal(key)
	for i := range d {
		for bit := range 8 {
			d[i] ^= 1 << bit
			if _, err := wire.UnmarshalBeat(d, key); err == nil {
				t.Fatalf("byte %d bit %d: taken", i, bit)
			}
			d[i] ^= 1 << bit
		}
	}
	if _, err := wire.UnmarshalBeat(d, other); !errors.Is(err, wire.ErrBadMAC) {
		t.Errorf("another site's key: %v", err)
	}
}

func TestRuntimeIsClamped(t *testing.T) {
	b := beat
	b.Runtime = 48 * time.Hour
	got, err := wire.UnmarshalBeat(b.Marshal(key), key)
	if err != nil || got.Runtime != 65535*time.Second {
		t.Errorf("got %v, %v", got.Runtime, err)
	}
	b.Runtime = -time.Second
	if got, _ = wire.UnmarshalBeat(b.Marshal(key), key); got.Runtime != 0 {
		t.Errorf("got %v", got.Runtime)
	}
}

func FuzzBeat(f *testing.F) {
	f.Add(beat.Marshal(key))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, d []byte) {
		if b, err := wire.UnmarshalBeat(d, key); err == nil && string(b.Marshal(key)) != string(d) {
			// Only unused bytes may differ, and the MAC covers those too.
			if _, err := wire.UnmarshalBeat(b.Marshal(key), key); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = wire.UnmarshalReply(d, key)
		_, _ = wire.BeatID(d)
	})
}
