package alerting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/lang"
	"thongsuot/registry"
)

// sample is a place that does not exist, for messages that are tried out.
type sample struct{}

const sampleCode = "00000"

func (sample) Site(string) (thongsuot.Site, bool) {
	return thongsuot.Site{
		Code: sampleCode, Kind: thongsuot.KindCommune, Unit: thongsuot.UnitCommune, Name: "Mẫu",
		Lines: []thongsuot.Line{{Name: "internet", Carrier: "A", Upstream: "B"}},
	}, true
}
func (sample) People(string) []thongsuot.Person { return nil }
func (sample) OfficeHours(_ string, day thongsuot.Day) []registry.Session {
	morning := day.In(time.UTC)
	return []registry.Session{{Start: morning, End: morning.Add(4 * time.Hour)}}
}
func (sample) Windows(_ string, from, _ time.Time) []thongsuot.Window {
	return []thongsuot.Window{{End: from.Add(time.Hour)}}
}

// samples are a change of each kind of which a text of its own tells.
func samples(now time.Time) []thongsuot.Change {
	start := now.Add(-135 * time.Minute)
	var out []thongsuot.Change
	add := func(kind thongsuot.ChangeKind, v thongsuot.Verdict, region thongsuot.RegionKind) {
		i := thongsuot.Incident{ID: fmt.Sprintf("mau-%d", len(out)+1), Site: sampleCode, Start: start, Verdict: v, Worst: v.State, Revision: 1}
		if kind == thongsuot.ChangeClosed || kind == thongsuot.ChangeRevised {
			i.End = now
		}
		if region != "" {
			i.Region.Kind = region
			i.Members = []thongsuot.Member{{Site: sampleCode, From: start}, {Site: sampleCode, From: start}}
		}
		out = append(out, thongsuot.Change{Kind: kind, At: now, Incident: i})
	}
	verdict := func(state thongsuot.State, cause thongsuot.Cause, sure thongsuot.Confidence, evidence ...thongsuot.Evidence) thongsuot.Verdict {
		return thongsuot.Verdict{State: state, Cause: cause, Confidence: sure, Evidence: evidence}
	}
	for _, cause := range []thongsuot.Cause{thongsuot.CausePower, thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CausePortal} {
		add(thongsuot.ChangeOpened, verdict(thongsuot.StateDown, cause, thongsuot.ConfidenceHigh), "")
	}
	unknown := verdict(thongsuot.StateDown, thongsuot.CauseUnknown, thongsuot.ConfidenceLow, thongsuot.Evidence{Code: thongsuot.EvidenceBeatsUnanswered, At: start, Value: 3})
	unknown.Candidates = []string{string(thongsuot.CausePower), string(thongsuot.CauseAccess)}
	add(thongsuot.ChangeOpened, unknown, "")
	battery := thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: start, Value: 1800}
	add(thongsuot.ChangeOpened, verdict(thongsuot.StateAtRisk, thongsuot.CausePower, thongsuot.ConfidenceHigh, battery), "")
	add(thongsuot.ChangeOpened, verdict(thongsuot.StateAtRisk, thongsuot.CauseAccess, thongsuot.ConfidenceHigh), "")
	add(thongsuot.ChangeOpened, verdict(thongsuot.StateDegraded, thongsuot.CauseAccess, thongsuot.ConfidenceMedium), "")
	add(thongsuot.ChangeOpened, verdict(thongsuot.StateDown, thongsuot.CauseAccess, thongsuot.ConfidenceMedium), thongsuot.RegionFlapping)
	add(thongsuot.ChangeClosed, verdict(thongsuot.StateUp, thongsuot.CausePower, thongsuot.ConfidenceHigh), "")
	add(thongsuot.ChangeRevised, verdict(thongsuot.StateUp, thongsuot.CauseAccess, thongsuot.ConfidenceMedium), "")
	return out
}

// Preview writes what each kind of reader would read of each kind of incident
// at a place that does not exist, with the texts of the configured channels.
func (c Config) Preview(w io.Writer, l lang.Lang, zone *time.Location) error {
	r := renderer{lang: l, zone: zone, pageURL: c.PageURL, places: func() Places { return sample{} }}
	team, chair := party{name: "…", role: thongsuot.RoleOperations}, party{role: thongsuot.RoleChair}
	var b strings.Builder
	for _, change := range samples(time.Now().Truncate(time.Minute)) {
		v := change.Incident.Verdict
		fmt.Fprintf(&b, "== %s · %s · %s\n\n", change.Kind, v.State, v.Cause)
		m := r.message(change, team, whyOperations)
		fmt.Fprintf(&b, "[%s] %s\n%s\n%s\n\n", thongsuot.RoleOperations, m.Title, m.Summary, strings.Join(append(append(m.Lines, m.Evidence...), m.Why), "\n"))
		writeSMS(&b, thongsuot.RoleOperations, m.Short)
		m = r.message(change, chair, whyChair)
		fmt.Fprintf(&b, "[%s] %s\n%s\n%s\n\n", thongsuot.RoleChair, m.Title, m.Summary, m.Why)
		writeSMS(&b, thongsuot.RoleChair, m.Short)
		for _, hook := range c.Chairs.Webhooks {
			text, err := hook.Preview(m)
			if err != nil {
				return fmt.Errorf("alerting.chairs.webhooks %s: %w", hook.Channel(), err)
			}
			fmt.Fprintf(&b, "[%s, %s] %s\n\n", thongsuot.RoleChair, hook.Channel(), text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSMS(b *strings.Builder, role thongsuot.Role, text string) {
	folded := lang.CutSMS(lang.FoldSMS(text))
	fmt.Fprintf(b, "[%s, SMS 1×%d] %s\n[%s, SMS %d×] %s\n\n", role, len(folded), folded, role, lang.SegmentsSMS(text), text)
}

// Test sends one message that says that it is a test to a receiver of the
// configuration, or to an office by its key "chair/SITE/N", over each channel.
func Test(ctx context.Context, c Config, notifiers map[string][]Notifier, places Places, receiver string) error {
	d := &Dispatcher{cfg: c, notifiers: notifiers, places: func() Places { return places }}
	p, ok := d.party(receiver)
	if !ok {
		return fmt.Errorf("no receiver %q: want a name of alerting.receivers, or chair/SITE/N for the N-th contact of a site", receiver)
	}
	l := lang.Parse(c.Language)
	text := l.T("alert.test", p.name)
	m := notice.Message{
		Incident: fmt.Sprintf("test-%d", time.Now().UnixNano()), Revision: 1, Kind: thongsuot.ChangeOpened, State: thongsuot.StateUnknown, Open: true,
		Rouse: true, Earliest: time.Now(), Site: "–", Title: l.T("alert.test.title"), Summary: text, Short: text,
	}
	var errs []error
	for _, o := range p.outlets {
		if _, err := o.send(ctx, m); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.notifier.Name(), err))
		}
	}
	return errors.Join(errs...)
}
