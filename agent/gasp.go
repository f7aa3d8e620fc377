package agent

import (
	"context"
	"sync"
	"time"

	"thongsuot/wire"
)

const (
	// batteryEvery is the pace of beats on battery; each goes over every line
	// and way.
	batteryEvery = 10 * time.Second
	// meteredEvery is the pace of beats where every byte is paid for.
	meteredEvery = 30 * time.Second
)

// gaspGaps are the pauses before a change to battery is said again: at 1, 2, 4
// and 8 s after it, then at the pace of beats on battery.
var gaspGaps = []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second}

// every is the pace of beats now. With the battery at its end it is the usual
// one again: the silence that follows is to be noticed soon.
func (b *beater) every() time.Duration {
	switch flags, _ := b.power.flags(); {
	case flags&wire.FlagLowBattery != 0:
		return wire.BeatEvery
	case flags&wire.FlagOnBattery != 0:
		return batteryEvery
	case b.metered.Load():
		return meteredEvery
	default:
		return wire.BeatEvery
	}
}

// calm reports whether the centre knows to some ten seconds until when this
// site lived, should it be cut off now, and nothing says that it will be.
func (b *beater) calm() bool {
	every, heard := b.every(), time.Duration(b.heard.Load())
	return heard > 0 && every == wire.BeatEvery && !b.silent.Load() && b.clock.boottime()-heard < 2*every && !b.onBattery()
}

func (b *beater) onBattery() bool {
	flags, _ := b.power.flags()
	return flags&wire.FlagOnBattery != 0
}

// run beats until ctx ends, then says goodbye with flags.
func (b *beater) run(ctx context.Context, phase time.Duration, goodbye func() uint8) {
	defer b.hangUp()
	next := time.NewTimer(phase)
	defer next.Stop()
	said := len(gaspGaps) // times that a change was said again; all of them: there is none to say
	for {
		changed := false
		select {
		case <-ctx.Done():
			b.farewell(goodbye())
			return
		case <-b.power.changed:
			changed = true
		case <-next.C:
		}
		for {
			if changed {
				said = 0
			}
			gap := b.every()
			onBattery := b.onBattery()
			if onBattery && said < len(gaspGaps) {
				gap = gaspGaps[said]
				said++
			}
			next.Reset(gap)
			everyWay := changed || onBattery
			changed = b.interrupted(ctx, func(ctx context.Context) {
				if everyWay {
					b.shout(ctx, min(gap, beatWindow), 0)
				} else {
					b.beat(ctx)
				}
			})
			if !changed {
				break
			}
		}
	}
}

// interrupted runs one beat, which a change of power cuts short: news does not
// wait for tries of what was before.
func (b *beater) interrupted(ctx context.Context, do func(context.Context)) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	select {
	case <-done:
		return false
	case <-b.power.changed:
		cancel()
		<-done
		return true
	}
}

// farewell says the last words over every way, once they are on disk.
func (b *beater) farewell(flags uint8) {
	select {
	case <-b.onDisk:
	case <-time.After(gaspPatience):
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b.shout(ctx, 2*minTimeout, flags)
	b.posts.Wait()
}

// shout sends one beat over every line, as datagram and over HTTP, and waits
// for the datagrams' answers. All copies are one beat to the centre: it hears
// the first and answers the others from memory.
func (b *beater) shout(ctx context.Context, window time.Duration, flags uint8) {
	seq := b.nextSeq()
	tries := min(int(window/minTimeout), beatTries)
	var datagrams sync.WaitGroup
	for _, l := range b.lines {
		if b.addr != "" {
			datagrams.Go(func() { b.count("datagram", b.datagram(ctx, l, seq, tries, window/time.Duration(tries), flags), seq) })
		}
		if flags == 0 && !l.posting.CompareAndSwap(false, true) {
			continue // the one before still tries to get through, with the same news
		}
		// It outlives ctx on purpose: a handshake may take longer than the gap to the next one.
		b.posts.Go(func() {
			defer l.posting.Store(false)
			b.count("http", b.post(context.WithoutCancel(ctx), l, seq, 1, flags), seq)
		})
	}
	datagrams.Wait()
}
