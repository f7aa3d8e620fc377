package thongsuot

import (
	"net/netip"
	"time"
)

// SiteKind says what a monitored place is for.
type SiteKind string

// The kinds of site.
const (
	KindCommune    SiteKind = "commune"    // public administration centre of a commune, ward or special zone
	KindDepartment SiteKind = "department" // a provincial department or agency
	KindOneStop    SiteKind = "one_stop"   // the provincial public administration service centre
	KindReference  SiteKind = "reference"  // probes at the province, to tell the portal from the line
	KindTest       SiteKind = "test"       // somebody's own machine; in no count
)

// SiteKinds lists every kind, in the order in which pages show them.
func SiteKinds() []SiteKind {
	return []SiteKind{KindCommune, KindDepartment, KindOneStop, KindReference, KindTest}
}

// Unit is the administrative unit that a commune-level site serves.
type Unit string

// The three commune-level units; every other site has none.
const (
	UnitNone        Unit = ""
	UnitCommune     Unit = "commune"      // xã
	UnitWard        Unit = "ward"         // phường
	UnitSpecialZone Unit = "special_zone" // đặc khu
)

// Units lists the three commune-level units.
func Units() []Unit { return []Unit{UnitCommune, UnitWard, UnitSpecialZone} }

// SiteStatus says whether a site takes part.
type SiteStatus string

// The statuses of a site.
const (
	StatusActive       SiteStatus = "active"
	StatusNotInstalled SiteStatus = "not_installed" // "chưa lắp đặt": no agent yet, in no count, share or vote
)

// Site is a place that is monitored. Code is its key everywhere: names repeat
// in the country and are spelt in two ways.
type Site struct {
	Code           string // official five-digit unit code, or the operator's own
	Kind           SiteKind
	Unit           Unit
	Name           string // without the word of the unit: "Sơn Điền"
	Status         SiteStatus
	FormerProvince string // before 1 July 2025; likely shared fate of feeders and lines
	FormerDistrict string
	Position       *Position // nil where unknown
	AreaKm2        float64   // 0 where unknown
	Population     int       // 0 where there is no trustworthy figure: shown as such, never as 0
	Weight         float64   // for ranking; 0 means not given
	Utility        string    // power company
	Feeder         string    // medium-voltage feeder; sites of one feeder lose power together
	Lines          []Line    // first is the main line; empty where not entered
	ValidFrom      Day       // first day on which the row holds; zero is "always"
	ValidTo        Day       // last day; zero is "still"
	Successor      string    // code of the unit it was merged into after ValidTo; "" for none
}

// Counted reports whether the site belongs in counts, shares and votes.
func (s Site) Counted() bool {
	return s.Status == StatusActive && s.Kind != KindTest
}

// Carrier is the carrier of the main line, or "" where none was entered.
func (s Site) Carrier() string {
	if len(s.Lines) == 0 {
		return ""
	}
	return s.Lines[0].Carrier
}

// Upstream is the aggregation route of the main line, or "".
func (s Site) Upstream() string {
	if len(s.Lines) == 0 {
		return ""
	}
	return s.Lines[0].Upstream
}

// Line is one way from a site to the world.
type Line struct {
	Name     string // "internet", "tslcd", "4g": the operator's word
	Carrier  string
	Upstream string     // aggregation route shared with other sites
	WAN      netip.Addr // address at which the centre can reach the site; zero where none
}

// Position is a point on WGS84, in degrees.
type Position struct{ Lat, Lon float64 }

// Role says why a person is told.
type Role string

// The roles of people.
const (
	RoleOperations Role = "operations" // provincial IT operations
	RoleChair      Role = "chair"      // chair of a commune's people's committee
	RoleTechnical  Role = "technical"  // who looks after the boxes at a site
)

// Person is a contact at a site: an office and a work number, never the name
// of a member of staff.
type Person struct {
	Site   string // code; "" for the whole province
	Role   Role
	Office string // "Văn phòng UBND xã Sơn Điền"
	Phone  string // work number
	Email  string
}

// Day is a calendar day in the time zone of the province.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// IsZero reports whether no day was given.
func (d Day) IsZero() bool { return d == Day{} }

// String is the day as ISO 8601, "" for none.
func (d Day) String() string {
	if d.IsZero() {
		return ""
	}
	return d.In(time.UTC).Format(time.DateOnly)
}

// In is the first instant of the day in zone.
func (d Day) In(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// Before reports whether d is earlier than o.
func (d Day) Before(o Day) bool {
	if d.Year != o.Year {
		return d.Year < o.Year
	}
	if d.Month != o.Month {
		return d.Month < o.Month
	}
	return d.Day < o.Day
}

// DayOf is the calendar day of an instant, in the instant's own zone.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day{y, m, d}
}

// Window is a stretch of time announced in advance in which a kind of failure
// is expected, such as a power cut planned by the utility.
type Window struct {
	Sites  []string // codes
	Cause  Cause    // what will be missing: power, access, portal, host
	Start  time.Time
	End    time.Time
	Source string // who announced it
	Reason string
}
