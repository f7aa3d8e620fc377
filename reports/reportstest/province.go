// Package reportstest makes up a province with a history, for tests and figures
// of reports. Nothing in it is measured.
package reportstest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/registry"
	"thongsuot/reports"
)

// Province is a province of so many units over a period, with about three
// incidents a unit and month. It writes its registry into dir.
func Province(dir string, units int, from, to time.Time) (in reports.Input, err error) {
	var sites strings.Builder
	sites.WriteString("code,kind,unit,name,status,utility,carrier,valid_from\n")
	names := []string{"Sơn Điền", "Quảng Phú", "Đưng K'Nớ", "Phú Thủy", "B'Lao", "Ẳng Nưa", "Tuy Đức", "Xuân Hương - Đà Lạt"}
	for i := range units {
		fmt.Fprintf(&sites, "%05d,commune,commune,%s %d,active,EVNSPC,%s,2025-07-01\n", 20000+i, names[i%len(names)], i+1, []string{"VNPT", "Viettel"}[i%2])
	}
	for name, text := range map[string]string{
		"sites.csv":    sites.String(),
		"hours.csv":    "site,days,hours\n,mon-fri,07:30-11:30 13:30-17:30\n",
		"holidays.csv": "day,kind,name\n2026-01-01,off,Tết Dương lịch\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return in, err
		}
	}
	zone := from.Location()
	if in.Registry, err = registry.Load(zone, dir); err != nil {
		return in, err
	}
	in.From, in.To, in.Now, in.Place, in.Version, in.Watch = from, to, to, "tỉnh Lâm Đồng", "thử", map[string]reports.Watch{}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range in.Registry.Sites() {
		in.Watch[s.Code] = watch(rng, from, to)
		rate := .5 + rng.ExpFloat64()*2.5 // a month
		for at := from.Add(gap(rng, rate)); at.Before(to); at = at.Add(gap(rng, rate)) {
			in.Histories = append(in.Histories, history(rng, s.Code, at))
		}
	}
	return in, nil
}

func gap(rng *rand.Rand, rate float64) time.Duration {
	return time.Hour + time.Duration(rng.ExpFloat64()/rate*730*float64(time.Hour))
}

// watch loses an hour a week.
func watch(rng *rand.Rand, from, to time.Time) (w reports.Watch) {
	for at := from; at.Before(to); at = at.Add(7 * 24 * time.Hour) {
		w.Alive = append(w.Alive, reports.Span{From: at, To: min2(to, at.Add(167*time.Hour))})
		w.Portal.Satisfied += 2000 + rng.IntN(300)
		w.Portal.Tolerating += rng.IntN(200)
		w.Failed = append(w.Failed, at.Add(30*time.Hour))
	}
	if rng.IntN(3) > 0 {
		w.Mains = w.Alive
	}
	return w
}

func min2(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func history(rng *rand.Rand, site string, at time.Time) []thongsuot.Change {
	at = at.Truncate(time.Second)
	causes := []thongsuot.Cause{thongsuot.CausePower, thongsuot.CausePower, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CauseLAN, thongsuot.CausePortal, thongsuot.CauseUnknown}
	cause := causes[rng.IntN(len(causes))]
	v := thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: .3}
	in := thongsuot.Incident{ID: site + "-" + at.UTC().Format("20060102T150405Z"), Site: site, Start: at, Verdict: v, Worst: v.State, Revision: 1}
	out := []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: at, Incident: in}}
	in.End, in.Revision = at.Add(time.Duration(1+rng.ExpFloat64()*80)*time.Minute), 2
	out = append(out, thongsuot.Change{Kind: thongsuot.ChangeClosed, At: in.End, Incident: in})
	in.Revision, in.Verdict.Cause, in.Verdict.Confidence = 3, cause, thongsuot.Confidence(.5+.5*rng.Float64())
	if rng.IntN(5) == 0 {
		in.Verdict.State = thongsuot.StateDegraded
	}
	return append(out, thongsuot.Change{Kind: thongsuot.ChangeRevised, At: in.End, Incident: in})
}
