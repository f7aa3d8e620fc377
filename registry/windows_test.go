package registry_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/registry"
)

const twoSites = header + "25051,commune,commune,Sơn Điền,active\n24712,commune,commune,Quảng Phú,active\n"

func announcement(sites ...string) thongsuot.Window {
	start := time.Date(2026, 11, 25, 7, 30, 0, 0, ict)
	return thongsuot.Window{Sites: sites, Cause: thongsuot.CausePower, Start: start, End: start.Add(4 * time.Hour), Source: "Điện lực Di Linh", Reason: "thay máy biến áp, tổ 3"}
}

func TestAddAndRemoveWindow(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", twoSites)
	dirs, now := []string{dir}, time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC) // the 24th in Việt Nam
	first, err := registry.AddWindow(ict, dirs, dir, announcement("25051"), now)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "windows-2026-11-24.csv"); first.File != want {
		t.Errorf("written to %s, want %s", first.File, want)
	}
	both := announcement("25051", "24712")
	second, err := registry.AddWindow(ict, dirs, dir, both, now)
	if err != nil {
		t.Fatal(err)
	}
	r := mustLoad(t, dir)
	all := r.Announced(now)
	if len(all) != 2 || !slices.ContainsFunc(all, func(w registry.Announced) bool {
		return w.ID == second.ID && w.Start.Equal(both.Start) && w.End.Equal(both.End) && w.Reason == both.Reason && slices.Equal(w.Sites, both.Sites)
	}) {
		t.Errorf("announced %+v", all)
	}
	if _, err := registry.AddWindow(ict, dirs, dir, both, now); err == nil || !strings.Contains(err.Error(), second.ID) {
		t.Errorf("the same twice: %v", err)
	}
	if _, err := registry.AddWindow(ict, dirs, dir, announcement("99999"), now); err == nil || !strings.Contains(err.Error(), "no such site") {
		t.Errorf("unknown site: %v", err)
	}
	backwards := announcement("25051")
	backwards.End = backwards.Start.Add(-time.Hour)
	if _, err := registry.AddWindow(ict, dirs, dir, backwards, now); err == nil || !strings.Contains(err.Error(), "after start") {
		t.Errorf("backwards: %v", err)
	}

	gone, err := registry.RemoveWindow(ict, dirs, first.ID)
	if err != nil || gone.ID != first.ID {
		t.Fatalf("removed %+v, %v", gone, err)
	}
	if left := mustLoad(t, dir).Announced(now); len(left) != 1 || left[0].ID != second.ID {
		t.Errorf("left %+v", left)
	}
	if _, err := registry.RemoveWindow(ict, dirs, first.ID); err == nil {
		t.Error("removed twice")
	}
}

// A file that a spreadsheet has saved is added to in its own form.
func TestAddWindowToASpreadsheet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", twoSites)
	write(t, dir, "windows-2026-11-23.csv", "\ufeffsource;sites;cause;start;end\r\nVNPT;all;access;24/11/2026 01:00;24/11/2026 03:00")
	w, err := registry.AddWindow(ict, []string{dir}, dir, announcement("25051"), time.Date(2026, 11, 23, 9, 0, 0, 0, ict))
	if err != nil {
		t.Fatal(err)
	}
	r := mustLoad(t, dir)
	if all := r.Announced(time.Time{}); len(all) != 2 || all[0].Source != "VNPT" || all[1].ID != w.ID {
		t.Errorf("announced %+v", all)
	}
	if _, err := registry.RemoveWindow(ict, []string{dir}, r.Announced(time.Time{})[0].ID); err != nil {
		t.Fatal(err)
	}
	if all := mustLoad(t, dir).Announced(time.Time{}); len(all) != 1 || all[0].ID != w.ID {
		t.Errorf("left %+v", all)
	}
}

// calendarOf wraps events as a calendar program exports them.
func calendarOf(events ...string) string {
	return strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//evn//vi\n"+strings.Join(events, "")+"END:VCALENDAR\n", "\n", "\r\n")
}

func event(lines ...string) string {
	return "BEGIN:VEVENT\nUID:1@evn\nDTSTAMP:20261120T000000Z\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\n"
}

func TestCalendar(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", twoSites)
	write(t, dir, "dien-luc.ics", calendarOf(
		event("DTSTART;TZID=Asia/Ho_Chi_Minh:20261125T073000", "DTEND;TZID=Asia/Ho_Chi_Minh:20261125T113000", "LOCATION:25051\\, 24712", "CATEGORIES:POWER",
			`SUMMARY:bảo trì trạm\, tổ 3`, "ORGANIZER;CN=Điện lực Di Linh:mailto:dienluc@example.vn", "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "DESCRIPTION:x", "END:VALARM"),
		event("DTSTART;TZID=SE Asia Standard Time:20261126T010000", "DURATION:PT2H", "LOCATION:all", "CATEGORIES:access", "SUMMARY:VNPT", "RRULE:FREQ=DAILY;COUNT=3"),
		event("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261202", "LOCATION:25051", "CATEGORIES:portal"),
		event("DTSTART:20261210T000000Z", "DTEND:20261210T010000Z", "LOCATION:25051", "CATEGORIES:host"),
		event("DTSTART:20261211T000000Z", "DTEND:20261211T010000Z", "LOCATION:25051", "CATEGORIES:power", "STATUS:CANCELLED"),
	))
	var got []string
	for _, w := range mustLoad(t, dir).Announced(time.Time{}) {
		got = append(got, strings.Join([]string{strings.Join(w.Sites, "+"), string(w.Cause), w.Start.Format("02T15:04"), w.End.Format("02T15:04"), w.Source, w.Reason}, " "))
	}
	want := []string{
		"25051+24712 power 25T07:30 25T11:30 Điện lực Di Linh bảo trì trạm, tổ 3",
		"24712+25051 access 26T01:00 26T03:00 dien-luc VNPT", "24712+25051 access 27T01:00 27T03:00 dien-luc VNPT", "24712+25051 access 28T01:00 28T03:00 dien-luc VNPT",
		"25051 portal 01T00:00 02T00:00 dien-luc ",
		"25051 host 10T07:00 10T08:00 dien-luc ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	id := mustLoad(t, dir).Announced(time.Time{})[0].ID
	if _, err := registry.RemoveWindow(ict, []string{dir}, id); err == nil || !strings.Contains(err.Error(), "dien-luc.ics") {
		t.Errorf("removed from a calendar: %v", err)
	}
}

func TestBadCalendar(t *testing.T) {
	good := []string{"DTSTART:20261125T003000Z", "DTEND:20261125T043000Z", "LOCATION:25051", "CATEGORIES:power"}
	with := func(change ...string) string {
		lines := slices.Clone(good)
		for _, c := range change {
			name := c[:strings.IndexAny(c, ":;")]
			lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, name) })
			if !strings.HasSuffix(c, ":") {
				lines = append(lines, c)
			}
		}
		return calendarOf(event(good...), event(lines...))
	}
	f := func(name, content, want string) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "sites.csv", twoSites)
			write(t, dir, "evn.ics", content)
			if _, err := registry.Load(ict, dir); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v\nwant %q", err, want)
			}
		})
	}
	f("site", with("LOCATION:Sơn Điền"), `evn.ics:18: LOCATION: no such site in sites.csv: Sơn`)
	f("cause", with("CATEGORIES:weather"), `evn.ics:18: CATEGORIES: must be one of power, access, portal, host (got "weather")`)
	f("no cause", with("CATEGORIES:"), `evn.ics:12: CATEGORIES: must not be empty`)
	f("start", with("DTSTART:tomorrow"), `evn.ics:18: DTSTART: must be a time such as 20261125T073000`)
	f("zone", with("DTSTART;TZID=Hanoi Time:20261125T003000"), `evn.ics:18: DTSTART: must be a time`)
	f("no end", with("DTEND:"), `evn.ics:12: DTEND: an event without DTEND or DURATION has no end`)
	f("end before start", with("DTEND:20261124T003000Z"), `evn.ics:18: DTEND: must be after start`)
	f("rule", with("RRULE:FREQ=SECONDLY"), `evn.ics:19: RRULE: must be a rule of RFC 5545 that recurs daily at most (got "FREQ=SECONDLY")`)
	f("no calendar", "hello", "evn.ics: is no iCalendar file")
	f("not UTF-8", "BEGIN:VCALENDAR\r\nSUMMARY:\xff", "evn.ics:2: byte 0xff is not UTF-8")
	f("empty", calendarOf(), "evn.ics: holds no event")
}

func FuzzCalendar(f *testing.F) {
	f.Add(calendarOf(event("DTSTART:20261125T003000Z", "DTEND:20261125T043000Z", "LOCATION:25051", "CATEGORIES:power", "RRULE:FREQ=WEEKLY;BYDAY=MO")))
	f.Add(calendarOf(event("DTSTART;VALUE=DATE:20261125", "DURATION:P1D", "LOCATION:all", "CATEGORIES:portal", "EXDATE:20261126")))
	f.Add("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		dir := t.TempDir()
		write(t, dir, "sites.csv", twoSites)
		write(t, dir, "x.ics", content)
		r, err := registry.Load(ict, dir)
		if err != nil {
			if !strings.Contains(err.Error(), "x.ics") {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		for _, w := range r.Announced(time.Time{}) {
			if !w.End.After(w.Start) || len(w.Sites) == 0 || w.Source == "" {
				t.Errorf("announced %+v", w)
			}
		}
	})
}

func TestWatchReadsWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "sites.csv", twoSites)
		live, reg, _ := openLive(t, dir)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		taken := 0
		go live.Watch(ctx, func() { taken++ })
		after := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := len(live.Current().Announced(time.Time{})); got != want {
				t.Errorf("%d windows, want %d", got, want)
			}
		}
		after(time.Minute, 0)
		if taken != 0 {
			t.Errorf("read %d times though nothing changed", taken)
		}
		if _, err := registry.AddWindow(ict, []string{dir}, dir, announcement("25051"), time.Now()); err != nil {
			t.Fatal(err)
		}
		after(6*time.Second, 0) // it may still be written to
		after(5*time.Second, 1)
		write(t, dir, "windows.csv", "sites,cause,start,end,source\n25051,weather,2026-11-25 07:30,2026-11-25 09:30,x\n")
		after(time.Minute, 1)
		wantReloadOK(t, reg, "0")
		if err := os.Remove(filepath.Join(dir, "windows.csv")); err != nil {
			t.Fatal(err)
		}
		after(time.Minute, 1)
		wantReloadOK(t, reg, "1")
		if taken != 2 {
			t.Errorf("taken %d times, want 2", taken)
		}
	})
}
