package agent_test

import (
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
)

// Results of one probe are dated evenly, through the spool and out of it.
func TestEvenTimesStayEven(t *testing.T) {
	b := &box{up: time.Hour + 123456*time.Nanosecond, wall: wall}
	c := b.clock("a")
	c.Anchor(wall.Add(777*time.Microsecond), b.up, b.up)
	due := b.up
	var last time.Time
	for range 20 {
		due += 10 * time.Second
		b.up = due + 3*time.Second + time.Duration(due%997)*time.Microsecond // the round is written some time after the run
		raw := agent.MarshalRound(c.Stamp(), []agent.Measured{{Began: due, Result: thongsuot.Result{Probe: "p", Kind: thongsuot.ProbeTCP, Reason: thongsuot.ReasonOK}}})
		stamp, ms, err := agent.UnmarshalRound(raw)
		if err != nil {
			t.Fatal(err)
		}
		at := c.Date(stamp, ms[0].Began)
		if d := at.Sub(last); !last.IsZero() && d != 10*time.Second {
			t.Errorf("%s after the one before", d)
		}
		last = at
	}
}
