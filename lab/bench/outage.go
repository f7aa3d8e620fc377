package bench

import (
	"context"
	"fmt"

	"thongsuot/lab/real"
)

// outage counts what is lost when the centre is killed for a while and the
// agent of one of two sites is killed in that time.
func outage(ctx context.Context, b *run) error {
	lasts := b.cfg.Outage.Seconds()
	text := fmt.Sprintf(`sites 2
at 10s central killed for %.0fs label central
at %.0fs site-2 agent crash for 5s label agent
`, lasts, 10+lasts/2)
	var kept []real.Kept
	if err := b.play(ctx, text, nil, func(sum real.Summary, _ []real.Event) { kept = sum.Kept }); err != nil {
		return err
	}
	var produced, lost, unwritten, twice int
	for _, k := range kept {
		produced += k.Produced
		lost += k.Lost + k.GaveUp
		unwritten += k.Unwritten
		twice += k.Twice
	}
	if produced == 0 {
		return errNoSamples
	}
	of := fmt.Sprintf("of %d, centre away %s, kill -9 of an agent in it", produced, b.cfg.Outage)
	b.add(Figure{What: "results lost through an outage of the centre", Value: float64(lost), Unit: "results", Note: of})
	b.add(Figure{What: "results stored twice", Value: float64(twice), Unit: "results", Note: of})
	b.add(Figure{What: "results of the killed agent that were not yet on its disk", Value: float64(unwritten), Unit: "results", Note: "measured in the ten seconds before the kill at most"})
	return nil
}
