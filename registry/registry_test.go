package registry_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"thongsuot"
	"thongsuot/registry"
)

// lamDong is the folder that the project ships.
const lamDong = "../deploy/registry"

var ict = time.FixedZone("ICT", 7*60*60)

func mustLoad(t *testing.T, dirs ...string) *registry.Registry {
	t.Helper()
	r, err := registry.Load(ict, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func day(y int, m time.Month, d int) thongsuot.Day { return thongsuot.Day{Year: y, Month: m, Day: d} }

func TestShippedRegistryHasEveryUnit(t *testing.T) {
	sites := mustLoad(t, lamDong).At(day(2026, time.November, 23)).Sites()
	if len(sites) != 124 {
		t.Fatalf("%d sites, want 124", len(sites))
	}
	units := map[thongsuot.Unit]int{}
	unknownPopulation := 0
	for _, s := range sites {
		units[s.Unit]++
		if s.Kind != thongsuot.KindCommune || s.Status != thongsuot.StatusNotInstalled || s.Counted() {
			t.Errorf("%s %s: kind %s, status %s; nothing is installed yet", s.Code, s.Name, s.Kind, s.Status)
		}
		if s.Position == nil || s.AreaKm2 == 0 || s.FormerProvince == "" || s.FormerDistrict == "" {
			t.Errorf("%s %s: incomplete: %+v", s.Code, s.Name, s)
		}
		if !norm.NFC.IsNormalString(s.Name) {
			t.Errorf("%s %s: not NFC", s.Code, s.Name)
		}
		if s.ValidFrom != day(2025, time.July, 1) || !s.ValidTo.IsZero() {
			t.Errorf("%s %s: valid %s..%s", s.Code, s.Name, s.ValidFrom, s.ValidTo)
		}
		if s.Feeder != "" || s.Lines != nil || s.Weight != 0 {
			t.Errorf("%s %s: has what no public source tells: %+v", s.Code, s.Name, s)
		}
		if s.Population == 0 {
			unknownPopulation++
		}
	}
	if units[thongsuot.UnitCommune] != 103 || units[thongsuot.UnitWard] != 20 || units[thongsuot.UnitSpecialZone] != 1 {
		t.Errorf("units %v, want 103 communes, 20 wards, 1 special zone", units)
	}
	if unknownPopulation != 23 {
		t.Errorf("%d sites without population, want 23", unknownPopulation)
	}
	if !slices.IsSortedFunc(sites, func(a, b thongsuot.Site) int { return strings.Compare(a.Code, b.Code) }) {
		t.Error("sites are not sorted by code")
	}
}

func TestShippedNamesThatBreakCode(t *testing.T) {
	r := mustLoad(t, lamDong)
	for code, want := range map[string]string{
		"24823": "1 Bảo Lộc", "24829": "B'Lao", "24934": "D'Ran", "24781": "Xuân Hương - Đà Lạt",
		"24877": "Đam Rông 2", "22924": "Phú Thủy", "23272": "Phú Quý", "25051": "Sơn Điền",
		"24712": "Quảng Phú", "24748": "Quảng Tân", "24760": "Quảng Tín", "24736": "Quảng Trực",
		"24616": "Quảng Sơn", "24620": "Quảng Hòa", "24631": "Quảng Khê", "24955": "Quảng Lập",
	} {
		if s, ok := r.Site(code); !ok || s.Name != want {
			t.Errorf("%s is %q (%v), want %q", code, s.Name, ok, want)
		}
	}
	if s, _ := r.Site("23272"); s.Unit != thongsuot.UnitSpecialZone {
		t.Errorf("Phú Quý is a %s", s.Unit)
	}
	if s, _ := r.Site("24611"); s.FormerDistrict != "Thành phố Gia Nghĩa; Huyện Đắk Glong" {
		t.Errorf("Bắc Gia Nghĩa was %q", s.FormerDistrict)
	}
}

func TestShippedCalendar(t *testing.T) {
	r := mustLoad(t, lamDong)
	open := func(want bool, local string) {
		t.Helper()
		at, err := time.ParseInLocation("2006-01-02 15:04", local, ict)
		if err != nil {
			t.Fatal(err)
		}
		if r.InOfficeHours("25051", at) != want {
			t.Errorf("%s: open is %v, want %v", local, !want, want)
		}
	}
	open(true, "2026-11-23 08:00")  // Monday
	open(false, "2026-11-22 08:00") // Sunday
	open(false, "2026-02-17 08:00") // first day of Tết, a Tuesday
	open(false, "2026-02-20 08:00")
	open(true, "2026-02-23 08:00")
	open(false, "2026-04-27 08:00") // in lieu of Hùng Kings' day, a Sunday
	open(true, "2026-08-22 08:00")  // Saturday, in exchange for the next
	open(false, "2026-08-31 08:00")
	open(false, "2026-09-02 08:00")
	open(true, "2026-11-24 08:00")  // unconfirmed: an ordinary Tuesday
	open(false, "2025-10-31 08:00") // before the first hours in the file

	if r.HolidaysKnown(2026) || r.HolidaysKnown(2027) {
		t.Error("a year with unconfirmed days counts as known")
	}
	if r.HolidaysKnown(2025) || r.HolidaysKnown(2028) || r.Holidays(2028) != nil {
		t.Error("a year without rows counts as known")
	}
	var unconfirmed []string
	for _, h := range r.Holidays(2026) {
		if weekday := h.Day.In(ict).Weekday(); h.Kind == registry.DayWorking && weekday != time.Saturday && weekday != time.Sunday {
			t.Errorf("%s is a %s and worked anyway", h.Day, weekday)
		}
		if h.Kind == registry.DayUnconfirmed {
			unconfirmed = append(unconfirmed, h.Day.String())
		}
	}
	if !slices.Equal(unconfirmed, []string{"2026-11-24"}) {
		t.Errorf("unconfirmed in 2026: %v", unconfirmed)
	}
	if people := r.People(""); people != nil {
		t.Errorf("contacts were invented: %v", people)
	}
}

func TestDatedView(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	codes := func(r *registry.Registry) string {
		var codes []string
		for _, s := range r.Sites() {
			codes = append(codes, s.Code)
		}
		return strings.Join(codes, " ")
	}
	f := func(d thongsuot.Day, want string, unit thongsuot.Unit) {
		t.Helper()
		at := r.At(d)
		if got := codes(at); got != want {
			t.Errorf("on %s: %s, want %s", d, got, want)
		}
		if s, _ := at.Site("00004"); s.Unit != unit {
			t.Errorf("on %s Ba Đình is a %q, want %q", d, s.Unit, unit)
		}
	}
	f(day(2025, 6, 30), "doi-chung-1 may-nay mot-cua", "")
	f(day(2025, 7, 1), "00004 25051 51057 doi-chung-1 may-nay mot-cua", thongsuot.UnitCommune)
	f(day(2026, 4, 29), "00004 25051 51057 doi-chung-1 may-nay mot-cua", thongsuot.UnitCommune)
	f(day(2026, 4, 30), "00004 25051 51057 doi-chung-1 may-nay mot-cua", thongsuot.UnitWard)
	f(day(2027, 12, 31), "00004 25051 51057 H36.12 doi-chung-1 may-nay mot-cua", thongsuot.UnitWard)
	f(day(2028, 1, 1), "00004 25051 H36.12 doi-chung-1 may-nay mot-cua", thongsuot.UnitWard)
	f(thongsuot.Day{}, "00004 25051 51057 H36.12 doi-chung-1 may-nay mot-cua", thongsuot.UnitWard)
	if _, ok := r.At(day(2028, 1, 1)).Site("51057"); ok {
		t.Error("a site is found after its last day")
	}
}

func TestSitesMaySortTheirCopy(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	slices.Reverse(r.Sites())
	if r.Sites()[0].Code != "00004" {
		t.Error("a caller's sorting changed the registry")
	}
}

func TestLinesPeopleKinds(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	s, _ := r.Site("25051")
	var lines []string
	for _, l := range s.Lines {
		wan := ""
		if l.WAN.IsValid() {
			wan = l.WAN.String()
		}
		lines = append(lines, l.Name+"|"+l.Carrier+"|"+l.Upstream+"|"+wan)
	}
	if want := []string{"|VNPT|BLC-01|203.0.113.7", "tslcd|VNPT|TSLCD-DL|", "4g|Viettel||"}; !slices.Equal(lines, want) {
		t.Errorf("lines %q, want %q", lines, want)
	}
	if s.Carrier() != "VNPT" || s.Upstream() != "BLC-01" || s.Weight != 1.5 || s.Feeder != "476 Di Linh" || !s.Counted() {
		t.Errorf("site %+v", s)
	}
	if s, _ := r.Site("may-nay"); s.Kind != thongsuot.KindTest || s.Counted() || len(s.Lines) != 1 {
		t.Errorf("test site %+v", s)
	}
	if s, _ := r.Site("H36.12"); s.Kind != thongsuot.KindDepartment || s.Lines != nil || s.Position != nil {
		t.Errorf("department %+v", s)
	}
	people := r.People("25051")
	if len(people) != 2 || people[0].Role != thongsuot.RoleChair || people[1].Email != "motcua@example.vn" {
		t.Errorf("people %+v", people)
	}
	if province := r.People(""); len(province) != 1 || province[0].Role != thongsuot.RoleOperations {
		t.Errorf("people of the province %+v", province)
	}
}

func TestWindows(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	at := func(clock string) time.Time {
		t.Helper()
		m, err := time.Parse(time.RFC3339, "2026-11-25T"+clock+":00+07:00")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	f := func(site, from, to string, want ...string) {
		t.Helper()
		var got []string
		for _, w := range r.Windows(site, at(from), at(to)) {
			got = append(got, string(w.Cause))
		}
		if !slices.Equal(got, want) {
			t.Errorf("windows of %q %s-%s: %v, want %v", site, from, to, got, want)
		}
	}
	f("25051", "00:00", "23:59", "portal", "power")
	f("may-nay", "00:00", "23:59", "portal")
	f("", "00:00", "23:59", "portal", "power")
	f("25051", "05:00", "07:30")          // between the two: the end is not in a window
	f("25051", "05:00", "07:31", "power") // the start is
	f("25051", "11:00", "12:00")
	w := r.Windows("25051", at("08:00"), at("08:01"))[0]
	if !w.Start.Equal(time.Date(2026, 11, 25, 0, 30, 0, 0, time.UTC)) || !slices.Equal(w.Sites, []string{"25051", "00004"}) ||
		w.Source != "Điện lực" || w.Reason != "bảo trì đường dây" {
		t.Errorf("window %+v", w)
	}
}

func TestLaterFolderAdds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", "code,kind,unit,name,status\nmay-nay,test,,máy này,active\n")
	r := mustLoad(t, lamDong, dir)
	if n := len(r.Sites()); n != 125 {
		t.Errorf("%d sites, want 125", n)
	}
	if s, ok := r.Site("may-nay"); !ok || s.Name != "máy này" {
		t.Errorf("site %+v, %v", s, ok)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
