package real

import (
	"bufio"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot"
)

// Bounds of a script: what two cores carry.
const (
	maxSites  = 12
	maxLength = 2 * time.Hour
)

// Script says how large the province is and what breaks in it. Its text holds
// one statement a line; # begins a comment:
//
//	sites 3                 communes, called site-1 to site-3. Default 3
//	isps 1                  carriers' hops that they share in turn. Default 1
//	feeders 2               power feeders, each of neighbours in a row. Default none
//	portal-every 10s        pace of the portal probe. Default 10s
//	reference site-3        a site of the province's own, to tell the portal from the lines
//	without-ups site-3      a commune that cannot see its mains
//	end 120s                when the script is over. Default: with the last fault
//	at 30s site-1 line loss 20% for 60s label access
//
// A fault names its time from the start, what breaks, how, for how long, and
// its true cause; "none" is the label of what must not be taken for a fault.
type Script struct {
	Name        string
	Sites, ISPs int
	Feeders     int // 0 where nobody knows them
	PortalEvery time.Duration
	WithoutUPS  []string // sites
	References  []string // sites
	End         time.Duration
	Faults      []Fault // by time
}

// Fault is one scripted fault.
type Fault struct {
	Line   int // in the script
	At     time.Duration
	Target string // "site-1", "isp-1", "feeder-1", "portal", "central"
	Kind   string // words of the fault, as "line loss"
	Arg    string // what the kind takes, "" for nothing
	For    time.Duration
	Label  Label
}

func (f Fault) String() string {
	return strings.TrimSpace(f.Target + " " + f.Kind + " " + f.Arg)
}

func (f Fault) needsUPS() bool {
	return strings.HasPrefix(f.Kind, "ups ") || f.Kind == "power cut" && f.Arg != "" && f.on() == "site"
}

// on is what sort of thing breaks.
func (f Fault) on() string { return strings.TrimRight(f.Target, "-0123456789") }

// battery is how long a UPS carries the site through a power cut.
func (f Fault) battery() time.Duration {
	d, _ := time.ParseDuration(f.Arg) // "" is not at all
	return d
}

// Label is a true cause.
type Label struct {
	Cause thongsuot.Cause
	Sub   string // "" where the cause says all
}

func (l Label) String() string {
	if l.Sub == "" {
		return string(l.Cause)
	}
	return string(l.Cause) + "/" + l.Sub
}

//go:embed scripts/*.txt
var samples embed.FS

// Samples are the names of the scripts that come with the program.
func Samples() []string {
	entries, _ := samples.ReadDir("scripts") // embedded, so it is there
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	return names
}

// Sample is a script that comes with the program.
func Sample(name string) (Script, error) {
	f, err := samples.Open("scripts/" + name + ".txt")
	if err != nil {
		return Script{}, fmt.Errorf("no script is called %q; there are %s", name, strings.Join(Samples(), ", "))
	}
	defer f.Close()
	return Parse(name, f)
}

// Parse reads a script. Its errors name each line and value that cannot be.
func Parse(name string, r io.Reader) (Script, error) {
	s := Script{Name: name, Sites: 3, ISPs: 1, PortalEvery: 10 * time.Second}
	var errs []error
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if words := strings.Fields(text); len(words) > 0 {
			if err := s.statement(n, words); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
			}
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", name, err))
	}
	if len(errs) == 0 {
		errs = append(errs, s.check())
	}
	return s, errors.Join(errs...)
}

func (s *Script) statement(line int, words []string) (err error) {
	if words[0] == "at" {
		f, err := parseFault(words)
		f.Line = line
		s.Faults = append(s.Faults, f)
		return err
	}
	if len(words) != 2 {
		return fmt.Errorf("%s: want one value (got %q)", words[0], words[1:])
	}
	switch value := words[1]; words[0] {
	case "sites":
		s.Sites, err = number(words[0], value, maxSites)
	case "isps":
		s.ISPs, err = number(words[0], value, maxSites)
	case "feeders":
		s.Feeders, err = number(words[0], value, maxSites)
	case "portal-every":
		s.PortalEvery, err = duration(words[0], value)
	case "without-ups":
		s.WithoutUPS = append(s.WithoutUPS, value)
	case "reference":
		s.References = append(s.References, value)
	case "end":
		s.End, err = duration(words[0], value)
	default:
		err = fmt.Errorf("unknown statement %q; want at, sites, isps, feeders, portal-every, without-ups, reference or end", words[0])
	}
	return err
}

// parseFault reads: at TIME TARGET KIND [ARG] for DURATION label CAUSE[/SUB].
func parseFault(words []string) (f Fault, err error) {
	if i := slices.Index(words, "for"); i < 4 || len(words) != i+4 || words[i+2] != "label" {
		return f, fmt.Errorf("want: at TIME TARGET FAULT for DURATION label CAUSE (got %q)", strings.Join(words, " "))
	}
	tail := len(words) - 4
	var errs [5]error
	f.Target = words[2]
	f.At, errs[0] = duration("at", words[1])
	f.Kind, f.Arg, errs[1] = parseKind(f.Target, words[3:tail])
	f.For, errs[2] = duration("for", words[tail+1])
	f.Label, errs[3] = parseLabel(words[tail+3])
	if f.For <= 0 && errs[2] == nil {
		errs[4] = fmt.Errorf("for: must be more than 0 (got %s)", f.For)
	}
	return f, errors.Join(errs[:]...)
}

var subs = regexp.MustCompile(`^[a-z_]+$`)

func parseLabel(text string) (Label, error) {
	cause, sub, found := strings.Cut(text, "/")
	l := Label{Cause: thongsuot.Cause(cause), Sub: sub}
	if !slices.Contains(thongsuot.Causes(), l.Cause) || found && !subs.MatchString(sub) {
		return l, fmt.Errorf("label: want one of %v, and perhaps a finer cause after a slash (got %q)", thongsuot.Causes(), text)
	}
	return l, nil
}

func duration(what, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxLength {
		return 0, fmt.Errorf("%s: want a duration such as 90s, at most %s (got %q)", what, maxLength, text)
	}
	return d, nil
}

func number(what, text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: want a number from 1 to %d (got %q)", what, most, text)
	}
	return n, nil
}

// check looks at the script as a whole and puts its faults in order.
func (s *Script) check() error {
	var errs []error
	add := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s:%d: %w", s.Name, line, fmt.Errorf(format, args...)))
	}
	for _, name := range s.WithoutUPS {
		if !slices.Contains(s.siteNames(), name) {
			errs = append(errs, fmt.Errorf("%s: without-ups: there is no such site (got %q)", s.Name, name))
		}
	}
	for _, name := range s.References {
		if !slices.Contains(s.siteNames(), name) {
			errs = append(errs, fmt.Errorf("%s: reference: there is no such site (got %q)", s.Name, name))
		}
	}
	slices.SortStableFunc(s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	last := time.Duration(0)
	for i, f := range s.Faults {
		if !s.has(f.Target) {
			add(f.Line, "%s: there is no such place in a province of %d sites, %d isps and %d feeders", f.Target, s.Sites, s.ISPs, s.Feeders)
		}
		if f.needsUPS() && slices.Contains(s.WithoutUPS, f.Target) {
			add(f.Line, "%s: the site has no UPS", f)
		}
		if f.battery() >= f.For && strings.HasSuffix(f.Kind, "cut") {
			add(f.Line, "%s: the battery outlasts the cut of %s", f, f.For)
		}
		for _, before := range s.Faults[:i] {
			if f.At < before.At+before.For && s.meet(f, before) {
				add(f.Line, "%s: overlaps with %s of line %d, on the same part", f, before, before.Line)
			}
		}
		last = max(last, f.At+f.For)
	}
	switch {
	case s.End == 0:
		s.End = last
	case s.End < last:
		errs = append(errs, fmt.Errorf("%s: end: a fault lasts until %s (got %s)", s.Name, last, s.End))
	}
	if s.End > maxLength {
		errs = append(errs, fmt.Errorf("%s: end: at most %s (got %s)", s.Name, maxLength, s.End))
	}
	return errors.Join(errs...)
}

func (s *Script) has(target string) bool {
	places := slices.Concat(s.siteNames(), numbered("isp", s.ISPs), numbered("feeder", s.Feeders), []string{"portal", "central"})
	return slices.Contains(places, target)
}

func (s *Script) siteNames() []string { return numbered("site", s.Sites) }

func numbered(name string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%d", name, i+1))
	}
	return names
}

// code is the registry's code of the site that siteNames has at i: a number for
// a commune.
func (s *Script) code(i int) string {
	if s.isReference(i) {
		return fmt.Sprintf("R%d", 90001+i)
	}
	return fmt.Sprint(90001 + i)
}

func (s *Script) isReference(i int) bool {
	return slices.Contains(s.References, fmt.Sprintf("site-%d", i+1))
}

// ispOf and feederOf are the carrier's hop and the feeder of the site that
// siteNames has at i. Carriers take turns, feeders serve neighbours, so that
// the two cross.
func (s *Script) ispOf(i int) string    { return fmt.Sprintf("isp-%d", i%s.ISPs+1) }
func (s *Script) feederOf(i int) string { return fmt.Sprintf("feeder-%d", i*s.Feeders/s.Sites+1) }

// ownClock reports whether a fault turns the site's clock.
func (s *Script) ownClock(site string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Target == site && f.Kind == "clock" })
}

// behind are the sites that a fault touches.
func (s *Script) behind(f Fault) (sites []string) {
	for i, name := range s.siteNames() {
		if slices.Contains([]string{name, s.ispOf(i), s.feederOf(i), "portal", "central"}, f.Target) {
			sites = append(sites, name)
		}
	}
	return sites
}

// meet reports whether two faults hold the same part of the same thing. A
// feeder's fault holds parts of its sites.
func (s *Script) meet(a, b Fault) bool {
	places := func(f Fault) []string {
		if f.on() == "feeder" {
			return s.behind(f)
		}
		return []string{f.Target}
	}
	share := func(x, y []string) bool {
		return slices.ContainsFunc(x, func(e string) bool { return slices.Contains(y, e) })
	}
	return share(places(a), places(b)) && share(kindOf(a).parts, kindOf(b).parts)
}
