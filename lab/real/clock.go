package real

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"thongsuot/agent"
)

var clockForm = regexp.MustCompile(`^(1970|[+-][1-9][0-9]{0,4}[smhdy])$`)

// wrongClock is what a clock on the wall shows at now that is off as clockForm
// says. A machine without a battery for its clock begins in 1970.
func wrongClock(text string, now time.Time) time.Time {
	if text == "1970" {
		return time.Unix(0, 0)
	}
	n, _ := strconv.Atoi(text[:len(text)-1]) // digits with a sign
	switch text[len(text)-1] {
	case 'y':
		return now.AddDate(n, 0, 0)
	case 'd':
		return now.AddDate(0, 0, n)
	case 'h':
		return now.Add(time.Duration(n) * time.Hour)
	case 'm':
		return now.Add(time.Duration(n) * time.Minute)
	default:
		return now.Add(time.Duration(n) * time.Second)
	}
}

// No process has a wall clock of its own. A site whose clock goes wrong
// therefore runs the agent's own code within the lab's program, which gives it
// the clocks of MachineClock.

// MachineClock is the clocks of a machine of the lab: one passes from its boot
// on, at booted on CLOCK_BOOTTIME; the other is off by as many nanoseconds as
// file says, read each time.
func MachineClock(file string, booted time.Duration) (boottime func() time.Duration, wall func() time.Time) {
	boottime = func() time.Duration { return agent.Boottime() - booted }
	wall = func() time.Time {
		b, err := os.ReadFile(file)
		if err != nil {
			return time.Now() // the lab is being taken down
		}
		off, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // written by setClock
		return time.Now().Round(0).Add(time.Duration(off))
	}
	return boottime, wall
}

// setClock makes the machine's clock show shows at now.
func (s *site) setClock(shows, now time.Time) error {
	file := s.clockFile()
	if err := put(file+".new", fmt.Sprintf("%d\n", shows.Sub(now.Round(0)))); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func clockWrong(_ context.Context, p *province, f Fault) error {
	s, now := p.site(f), time.Now()
	s.clockless = f.Arg == "1970"
	return s.setClock(wrongClock(f.Arg, now), now)
}

func clockRight(_ context.Context, p *province, f Fault) error {
	s, now := p.site(f), time.Now()
	s.clockless = false
	return s.setClock(now, now)
}
