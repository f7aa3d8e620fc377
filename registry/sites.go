package registry

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"thongsuot"
)

var siteSheet = sheet{
	name:     "sites.csv",
	required: []string{"code", "kind", "unit", "name", "status"},
	optional: []string{
		"former_province", "former_district", "lat", "lon", "area_km2", "population", "weight",
		"utility", "feeder", "carrier", "upstream", "wan_address", "valid_from", "valid_to", "successor",
	},
}

// Bounds of Việt Nam with its islands, in degrees (WGS84), rounded outwards:
// Lũng Cú in the north, the southernmost islets of Trường Sa, Mường Nhé in the
// west, Trường Sa in the east. The two ranges do not meet, so that a swapped
// pair is always found.
const (
	minLat, maxLat = 6, 24
	minLon, maxLon = 102, 118
)

// maxArea is above any commune-level unit, in km².
const maxArea = 10_000

func (l *loader) site(r row) {
	s := thongsuot.Site{
		Code:           r.need("code"),
		Kind:           word(r, "kind", thongsuot.SiteKinds()),
		Name:           r.need("name"),
		Status:         word(r, "status", []thongsuot.SiteStatus{thongsuot.StatusActive, thongsuot.StatusNotInstalled}),
		FormerProvince: r.text("former_province"),
		FormerDistrict: r.text("former_district"),
		Position:       position(r),
		AreaKm2:        r.positive("area_km2", maxArea),
		Population:     r.people("population"),
		Weight:         r.positive("weight", 1000),
		Utility:        r.text("utility"),
		Feeder:         r.text("feeder"),
		Successor:      r.text("successor"),
	}
	if s.Successor != "" {
		l.merged = append(l.merged, r)
		if s.Successor == s.Code {
			r.fault("successor", "must be another unit than the one that was merged into it")
		}
	}
	if main := line(r, ""); main != (thongsuot.Line{}) {
		s.Lines = []thongsuot.Line{main}
	}
	valid := r.span()
	s.ValidFrom, s.ValidTo = valid.from, valid.to
	checkName(r, s)
	if slices.Contains(thongsuot.SiteKinds(), s.Kind) { // else it is unknown what to hold the row to
		s.Unit = unit(r, s.Kind)
		checkCode(r, s)
	}
	if s.Code == "" {
		return
	}
	l.codes[s.Code] = true
	if !l.clash(r, "code", key("site", s.Code), valid) {
		l.reg.rows[s.Code] = append(l.reg.rows[s.Code], s)
	}
}

// unit is the administrative unit: one of three for a commune, none for others.
func unit(r row, kind thongsuot.SiteKind) thongsuot.Unit {
	if kind == thongsuot.KindCommune {
		return word(r, "unit", thongsuot.Units())
	}
	if r.text("unit") != "" {
		r.fault("unit", "must be empty: only sites of kind %s have a unit", thongsuot.KindCommune)
	}
	return thongsuot.UnitNone
}

var (
	communeCode = regexp.MustCompile(`^[0-9]{5}$`)
	shortCode   = regexp.MustCompile(`^[0-9]{1,4}$`)
	ownCode     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{1,31}$`) // safe in labels, paths and file names
)

func checkCode(r row, s thongsuot.Site) {
	switch {
	case s.Code == "": // already a fault
	case s.Kind == thongsuot.KindCommune && shortCode.MatchString(s.Code):
		r.fault("code", "must have five digits; a spreadsheet drops leading zeros: was it %05s? Format the column as text", s.Code)
	case s.Kind == thongsuot.KindCommune && !communeCode.MatchString(s.Code):
		r.fault("code", "must be the official code of the unit: five digits")
	case s.Kind != thongsuot.KindCommune && !ownCode.MatchString(s.Code):
		r.fault("code", "must be a letter followed by 1 to 31 letters, digits, dots, hyphens or underscores, without marks or spaces")
	}
}

// unitWords are what lang puts before the name of a commune.
var unitWords = []string{"xã ", "phường ", "đặc khu "}

// checkName finds a unit word in the name, and letters that a program has
// spoilt: "S?n ?i?n" or "SÆ¡n Äiá»n".
func checkName(r row, s thongsuot.Site) {
	for _, w := range unitWords {
		if s.Kind == thongsuot.KindCommune && strings.HasPrefix(strings.ToLower(s.Name), w) {
			r.fault("name", "must not begin with the word of the unit; the column unit says it")
		}
	}
	spoilt := strings.IndexFunc(s.Name, func(c rune) bool {
		return !unicode.In(c, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune(" -–'’.,()/&", c) && !invisible(c)
	})
	if spoilt >= 0 {
		r.fault("name", "has a character that no name has; was the file saved as \"CSV UTF-8\"?")
	}
}

// position is nil where neither coordinate is given.
func position(r row) *thongsuot.Position {
	lat, okLat := r.number("lat")
	lon, okLon := r.number("lon")
	if okLat != okLon {
		if missing := map[bool]string{true: "lon", false: "lat"}[okLat]; r.text(missing) == "" {
			r.fault(missing, "must be given with the other coordinate")
		}
	}
	if !okLat || !okLon {
		return nil
	}
	if within(lat, minLon, maxLon) && within(lon, minLat, maxLat) {
		r.fault("lat", "looks swapped with lon %g: lat lies in %d..%d degrees, lon in %d..%d", lon, minLat, maxLat, minLon, maxLon)
		return nil
	}
	if !within(lat, minLat, maxLat) {
		r.fault("lat", "must lie in %d..%d degrees", minLat, maxLat)
	}
	if !within(lon, minLon, maxLon) {
		r.fault("lon", "must lie in %d..%d degrees", minLon, maxLon)
	}
	return &thongsuot.Position{Lat: lat, Lon: lon}
}

func within(v, low, high float64) bool { return v >= low && v <= high }

// line is the line that a row of sites.csv (without a name) or lines.csv
// describes.
func line(r row, name string) thongsuot.Line {
	return thongsuot.Line{
		Name:     name,
		Carrier:  r.text("carrier"),
		Upstream: r.text("upstream"),
		WAN:      r.addr("wan_address"),
	}
}

var lineSheet = sheet{
	name:     "lines.csv",
	required: []string{"site", "name"},
	optional: []string{"carrier", "upstream", "wan_address"},
}

// line takes a further line of a site, after the main one of sites.csv.
func (l *loader) line(r row) {
	site, name := r.need("site"), r.need("name")
	l.known(r, "site", site)
	if site != "" && name != "" && !l.clash(r, "name", key("line", site, name), span{}) {
		l.lines[site] = append(l.lines[site], line(r, name))
	}
}

var contactSheet = sheet{
	name:     "contacts.csv",
	required: []string{"site", "role", "office"},
	optional: []string{"phone", "email"},
}

var phoneNumber = regexp.MustCompile(`^[+(]?[0-9][0-9 .()-]{1,18}[0-9]$`)

func (l *loader) contact(r row) {
	p := thongsuot.Person{
		Site:   r.text("site"),
		Role:   word(r, "role", []thongsuot.Role{thongsuot.RoleOperations, thongsuot.RoleChair, thongsuot.RoleTechnical}),
		Office: r.need("office"),
		Phone:  r.text("phone"),
		Email:  r.text("email"),
	}
	l.known(r, "site", p.Site)
	if p.Phone == "" && p.Email == "" {
		r.fault("phone", "must be given, or an email")
	}
	if p.Phone != "" && !phoneNumber.MatchString(p.Phone) {
		r.fault("phone", "must be one telephone number")
	}
	if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || a.Address != p.Email) {
		r.fault("email", "must be one address such as vanphong@example.vn")
	}
	if !l.clash(r, "office", key("contact", fmt.Sprint(p)), span{}) {
		l.reg.people[p.Site] = append(l.reg.people[p.Site], p)
	}
}
