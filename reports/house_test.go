package reports_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/registry"
	"thongsuot/reports"
)

// house is a registry with what happened to its sites.
type house struct {
	t         *testing.T
	zone      *time.Location
	sites     strings.Builder
	histories [][]thongsuot.Change
	watch     map[string]reports.Watch
	from, to  time.Time
	now       time.Time
}

func newHouse(t *testing.T, from, to string, codes ...string) *house {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, zone: zone, watch: map[string]reports.Watch{}}
	h.from, h.to = h.at(from+" 00:00"), h.at(to+" 00:00")
	h.now = h.to.AddDate(0, 0, 10)
	h.sites.WriteString("code,kind,unit,name,status,population,utility,carrier,valid_from,valid_to,successor\n")
	for _, code := range codes {
		h.site(code, "2025-07-01", "", "")
	}
	return h
}

func (h *house) at(s string) time.Time {
	h.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", s, h.zone)
	if err != nil {
		h.t.Fatal(err)
	}
	return t
}

func (h *house) site(code, from, to, successor string) {
	fmt.Fprintf(&h.sites, "%s,commune,commune,Sơn Điền %s,active,,EVNSPC,VNPT,%s,%s,%s\n", code, code, from, to, successor)
	whole := reports.Spans{{From: h.from, To: h.to}}
	h.watch[code] = reports.Watch{Alive: whole, Mains: whole}
}

// out is an incident that was down from opening to end.
func (h *house) out(site, start, end string, v thongsuot.Verdict) *house {
	in := thongsuot.Incident{ID: fmt.Sprintf("%s-%d", site, len(h.histories)), Site: site, Start: h.at(start), Verdict: v, Worst: v.State, Revision: 1}
	history := []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: in.Start, Incident: in}}
	if end != "" {
		in.End, in.Revision = h.at(end), 2
		history = append(history, thongsuot.Change{Kind: thongsuot.ChangeClosed, At: in.End, Incident: in})
	}
	h.histories = append(h.histories, history)
	return h
}

func down(c thongsuot.Cause) thongsuot.Verdict {
	return thongsuot.Verdict{State: thongsuot.StateDown, Cause: c, Confidence: .95}
}

func (h *house) input() reports.Input {
	h.t.Helper()
	dir := h.t.TempDir()
	for name, text := range map[string]string{
		"sites.csv":    h.sites.String(),
		"hours.csv":    "site,days,hours\n,mon-fri,07:30-11:30 13:30-17:30\n",
		"holidays.csv": "day,kind,name\n2026-02-16,off,Tết Nguyên đán\n2026-02-17,off,Tết Nguyên đán\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	r, err := registry.Load(h.zone, dir)
	if err != nil {
		h.t.Fatal(err)
	}
	return reports.Input{From: h.from, To: h.to, Now: h.now, Registry: r, Histories: h.histories, Watch: h.watch, Place: "tỉnh Lâm Đồng", Version: "test"}
}

func (h *house) report() *reports.Report {
	h.t.Helper()
	r, err := reports.Make(h.input(), reports.DefaultConfig(), reports.DefaultCosts(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) account(code string) reports.Account {
	h.t.Helper()
	for _, a := range h.report().Accounts {
		if a.Site.Code == code {
			return a
		}
	}
	h.t.Fatalf("no account of %s", code)
	return reports.Account{}
}
