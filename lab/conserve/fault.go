package conserve

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// fault is something that is done to a house while it works. At the end of do
// both programs run and nothing is broken.
type fault struct {
	name  string
	words string
	do    func(ctx context.Context, h *house) (times int, err error)
}

// faults is one entry a fault.
func faults() []fault {
	return []fault{
		{"kill-agent", "kill -9 of the agent", again(1, lifeToKill, agentEnds(kill))},
		{"kill-centre", "kill -9 of the centre", again(1, lifeToKill, centreEnds(kill))},
		{"kill-both", "kill -9 of both at once", again(1, lifeToKill, bothEnd(kill))},
		{"power-agent", "power cut at the site", again(4, lifeToPower, agentEnds(cutPower))},
		{"power-centre", "power cut at the centre", again(4, lifeToPower, centreEnds(cutPower))},
		{"power-both", "power cut of both at once", again(4, lifeToPower, bothEnd(cutPower))},
		{"full-agent", "the agent's disk is full while the line is cut", fullAgent},
		{"full-centre", "the centre's disk is full", fullCentre},
		{"eio-agent", "the agent's disk fails for good while the line is cut", failAgent},
		{"eio-centre", "the centre's disk fails, and comes back as it was", failCentre},
		{"line-cut", "the line is cut again and again", lineCut},
		{"line-slow", "the line carries 16 kbit/s, with a backlog", lineSlow},
		{"batches", "writes arrive twice, late and out of order, answers get lost, bodies are to be split", batches},
	}
}

// Faults are the names of all faults, with what they are.
func Faults() (all [][2]string) {
	for _, f := range faults() {
		all = append(all, [2]string{f.name, f.words})
	}
	return all
}

func (h *house) rng() *rand.Rand { return rand.New(rand.NewPCG(h.cfg.Seed, 4)) }

// How a program ends.
const (
	kill     = false
	cutPower = true
)

// agentEnds ends the agent at once and starts it again; so do the others.
func agentEnds(power bool) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		h.killAgent()
		if power {
			if err := h.agentDisk.cutPower(ctx); err != nil {
				return err
			}
		}
		return h.startAgent()
	}
}

func centreEnds(power bool) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		h.killCentre()
		if power {
			if err := h.centreDisk.cutPower(ctx); err != nil {
				return err
			}
		}
		return h.startCentre(ctx)
	}
}

func bothEnd(power bool) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		h.killAgent()
		h.killCentre()
		if power {
			if err := errors.Join(h.agentDisk.cutPower(ctx), h.centreDisk.cutPower(ctx)); err != nil {
				return err
			}
		}
		return errors.Join(h.startAgent(), h.startCentre(ctx))
	}
}

// The longest lives of programs that are killed, some before they work, and of
// those whose power is cut.
const (
	lifeToKill  = 1200 * time.Millisecond
	lifeToPower = 4 * time.Second
)

// again does a thing once for each so many kills that are asked for.
func again(each int, life time.Duration, do func(context.Context, *house) error) func(context.Context, *house) (int, error) {
	return func(ctx context.Context, h *house) (int, error) {
		rng := h.rng()
		times := (h.cfg.Kills + each - 1) / each
		for range times {
			if err := sleep(ctx, time.Duration(rng.Int64N(int64(life)))); err != nil {
				return 0, err
			}
			if err := do(ctx, h); err != nil {
				return 0, err
			}
		}
		return times, nil
	}
}

// act does steps, each followed by a wait.
func act(ctx context.Context, wait time.Duration, steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	return nil
}

func (h *house) cutLine() error {
	h.line.setCut(true)
	return nil
}

func (h *house) mendLine() error {
	h.line.setCut(false)
	return nil
}

const fills = 3

func fullAgent(ctx context.Context, h *house) (int, error) {
	for range fills {
		if err := act(ctx, 2*time.Second, h.cutLine, h.agentDisk.fill, h.mendLine, h.agentDisk.clear); err != nil {
			return 0, err
		}
	}
	return fills, nil
}

func fullCentre(ctx context.Context, h *house) (int, error) {
	for range fills {
		if err := act(ctx, 3*time.Second, h.centreDisk.fill, h.centreDisk.clear); err != nil {
			return 0, err
		}
	}
	return fills, nil
}

func failAgent(ctx context.Context, h *house) (int, error) {
	return 1, act(ctx, 3*time.Second, h.cutLine, h.agentDisk.fail, h.mendLine)
}

func failCentre(ctx context.Context, h *house) (int, error) {
	replace := func() error {
		h.killCentre()
		return errors.Join(h.centreDisk.mend(), h.centreDisk.cutPower(ctx), h.startCentre(ctx))
	}
	return 1, act(ctx, 5*time.Second, h.centreDisk.fail, replace)
}

func lineCut(ctx context.Context, h *house) (int, error) {
	rng, times := h.rng(), max(h.cfg.Kills/10, 3)
	for range times {
		wait := time.Duration(rng.Int64N(int64(2 * time.Second)))
		if err := act(ctx, wait, h.cutLine, h.mendLine); err != nil {
			return 0, err
		}
	}
	return times, nil
}

func lineSlow(ctx context.Context, h *house) (int, error) {
	slow := func() error {
		h.line.setRate(2000)
		return h.mendLine()
	}
	fast := func() error {
		h.line.setRate(0)
		return nil
	}
	return 1, act(ctx, 8*time.Second, h.cutLine, slow, fast)
}
