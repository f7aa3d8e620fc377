package incident

import (
	"math"
	"time"

	"thongsuot"
)

// Thresholds of loss. A share of lost packets is judged by the lower bound of
// its 95 % Wilson interval, so that few requests cannot shout: two of fifteen
// lost may be chance, eight are not. Patience with bursts is learned like that
// with beats.
const (
	lossTold    = 0.02 // of what was sent in ten minutes, spread over them
	lossHeavy   = 0.10 // of the newest fifteen requests, round after round
	lossLeaves  = 0.7  // of lossTold: at most so much, or it goes on
	heavyOver   = 15   // requests: three rounds
	spreadOver  = 30   // requests: a minute
	spreadParts = 10   // such minutes
	lossyParts  = 8    // of them with loss, so that one burst is not ten bad minutes
	cleanOver   = 75   // requests: two and a half minutes
	heavyRounds = 3    // rounds in a row on a line that was clean of late
	maxRounds   = 30   // the same on the worst line
	keptRounds  = 60   // ten minutes
	wilsonZ     = 1.96
	burst       = 5 * time.Minute // what is lost for less may pass by itself
)

// Thresholds of delay. Five answers make one value, their median; what counts
// is its logarithm against what is usual at that hour (CUSUM, Page 1954). With
// the median of five, k .5 and h 8 simulated delays gave a false alarm in
// 10,000 values and found a rise by half in 5.3.
const (
	medianOf     = 5
	cusumSlack   = 0.5
	cusumAlarm   = 8.0
	cusumClamp   = 3.0
	leastSpread  = 0.1 // of ln seconds: quieter lines are taken for this quiet
	learnedAfter = 6   // values, before a small rise counts
	hourLearned  = 12  // values, before an hour of the day is known for itself
	unlearned    = 1.5 // times as much rise is asked in an hour that is not known yet
	memoryOf     = 500 // values: about a week of one hour
	delayLeaves  = 0.7 // of the rise, and of its factor
	leavesWith   = 5   // answers at least; two in a row that are slow begin it anew
	acuteFactor  = 4.0
	acuteRise    = 0.25 // seconds
	acuteAnswers = 4    // in a row
	relearnAfter = 7 * 24 * time.Hour
)

// wilson is the lower bound of the 95 % Wilson score interval of k in n.
func wilson(k, n int) float64 {
	if n == 0 {
		return 0
	}
	p, m, z2 := float64(k)/float64(n), float64(n), wilsonZ*wilsonZ
	return max((p+z2/(2*m)-wilsonZ*math.Sqrt(p*(1-p)/m+z2/(4*m*m)))/(1+z2/m), 0)
}

// losses follows what is lost on the way to one target, round by round.
type losses struct {
	Sent  []byte    `json:"sent,omitempty"` // requests of the newest rounds, oldest first
	Lost  []byte    `json:"lost,omitempty"`
	First time.Time `json:"first,omitzero"` // first loss since the way was last clean
	Last  time.Time `json:"last,omitzero"`  // newest loss
	Run   int       `json:"run,omitempty"`  // rounds in a row in which loss is heavy
	Runs  runs      `json:"runs,omitempty"` // such runs that ended by themselves
	High  bool      `json:"high,omitempty"`
	Ratio float64   `json:"ratio,omitempty"` // the worst while High
}

func (l *losses) add(at time.Time, sent, lost int, cfg Config) {
	for sent > math.MaxUint8 { // a summary of many rounds: its ratio counts
		sent, lost = sent/2, lost/2
	}
	if len(l.Sent) == keptRounds {
		copy(l.Sent, l.Sent[1:])
		copy(l.Lost, l.Lost[1:])
		l.Sent, l.Lost = l.Sent[:keptRounds-1], l.Lost[:keptRounds-1]
	}
	l.Sent, l.Lost = append(l.Sent, byte(sent)), append(l.Lost, byte(lost))
	if lost > 0 {
		l.Last = at
		if l.First.IsZero() {
			l.First = at
		}
	}
	l.Runs = l.Runs.since(at.Add(-cfg.HealMemory))
	if k, n := l.newest(heavyOver); n >= heavyOver && wilson(k, n) > lossHeavy {
		l.Run++
	} else {
		if l.Run > 0 && l.Run < maxRounds {
			l.Runs = l.Runs.add(healed{At: at, Beats: l.Run})
		}
		l.Run = 0
	}
	l.judge()
}

func (l *losses) judge() {
	clean, of := l.newest(cleanOver)
	switch {
	case l.Run >= l.patience() || l.spread():
		k, n := l.newest(spreadOver)
		l.High, l.Ratio = true, max(l.Ratio, float64(k)/float64(n))
	case of >= cleanOver && float64(clean) <= lossLeaves*lossTold*float64(of):
		l.High, l.Ratio, l.First = false, 0, time.Time{}
	}
}

// patience is how many rounds of heavy loss are told: one more than the
// longest run that ended by itself within the memory.
func (l *losses) patience() int { return min(max(l.Runs.patience(), heavyRounds), maxRounds) }

// spread reports whether loss goes on all the time, if little of it.
func (l *losses) spread() bool {
	k, n, parts, lossy := 0, 0, 0, 0
	for i := len(l.Sent) - 1; i >= 0 && parts < spreadParts; {
		pk, pn := 0, 0
		for ; i >= 0 && pn < spreadOver; i-- {
			pk, pn = pk+int(l.Lost[i]), pn+int(l.Sent[i])
		}
		if pn < spreadOver {
			return false
		}
		if pk > 0 {
			lossy++
		}
		k, n, parts = k+pk, n+pn, parts+1
	}
	return parts == spreadParts && lossy >= lossyParts && wilson(k, n) > lossTold
}

// newest counts the newest rounds with at least so many requests, or all.
func (l *losses) newest(requests int) (lost, sent int) {
	for i := len(l.Sent) - 1; i >= 0 && sent < requests; i-- {
		lost, sent = lost+int(l.Lost[i]), sent+int(l.Sent[i])
	}
	return lost, sent
}

// forget leaves out the newest rounds: nothing came through in them, which is
// an outage and no loss.
func (l *losses) forget(rounds int) {
	n := max(len(l.Sent)-rounds, 0)
	*l = losses{Sent: l.Sent[:n], Lost: l.Lost[:n], Runs: l.Runs}
}

// delay follows one duration of one target against what is usual.
type delay struct {
	Recent []float64 `json:"recent,omitempty"` // ln seconds of the answers since the last value
	Newest float64   `json:"newest,omitempty"` // ln seconds
	Equal  int       `json:"equal,omitempty"`  // answers in a row just as long
	Values int       `json:"values,omitempty"` // learned from
	Usual  float64   `json:"usual"`            // ln seconds, over all hours
	Spread float64   `json:"spread"`           // mean distance from the usual
	HourN  []byte    `json:"hour_n,omitempty"` // values learned from, by hour of the day (UTC), at most 255
	HourLn []float32 `json:"hour_ln,omitempty"`

	Sum   float64   `json:"sum,omitempty"`   // CUSUM
	Rises time.Time `json:"rises,omitzero"`  // since when Sum is above zero, or the answers are acute
	Acute int       `json:"acute,omitempty"` // answers in a row that took many times as long
	High  bool      `json:"high,omitempty"`
	Level float64   `json:"level,omitempty"` // ln seconds, the worst while High
	Calm  int       `json:"calm,omitempty"`  // answers since it eased
	Slow  bool      `json:"slow,omitempty"`  // the newest answer was slow still
	Eased time.Time `json:"eased,omitzero"`  // when it was first nearly usual again
}

// bounds say from when on a delay is too long.
type bounds struct {
	factor float64 // times the usual
	rise   float64 // seconds more than usual
}

func (d *delay) add(at time.Time, seconds float64, b bounds, calm time.Duration) {
	if !(seconds > 0) {
		return
	}
	x := math.Log(seconds)
	if x != d.Newest {
		d.Newest, d.Equal = x, 0
	}
	d.Equal++
	if d.Values > 0 && seconds >= acuteFactor*d.usual(at) && seconds-d.usual(at) >= acuteRise {
		if d.Acute == 0 && d.Sum == 0 {
			d.Rises = at
		}
		if d.Acute++; d.Acute >= acuteAnswers {
			d.raise(x)
		}
	} else {
		d.Acute = 0
	}
	if d.High {
		d.ease(at, x, b, calm)
	}
	if d.Recent = append(d.Recent, x); len(d.Recent) == medianOf {
		m := median(d.Recent)
		d.Recent = d.Recent[:0]
		d.value(at, m, b)
	}
}

// ease ends what is slow when it has been nearly usual for a while.
func (d *delay) ease(at time.Time, x float64, b bounds, calm time.Duration) {
	slow := d.beyond(at, x, b, delayLeaves)
	if slow && d.Slow {
		d.Calm, d.Eased = 0, time.Time{}
	}
	if d.Slow = slow; slow {
		return
	}
	if d.Calm++; d.Eased.IsZero() {
		d.Eased = at
	}
	if d.Calm >= leavesWith && at.Sub(d.Eased) >= calm {
		d.High, d.Sum, d.Acute, d.Calm, d.Slow = false, 0, 0, 0, false
	}
}

// beyond reports whether ln seconds are at least that share of a rise that
// counts.
func (d *delay) beyond(at time.Time, x float64, b bounds, share float64) bool {
	usual, factor := d.usual(at), b.factor
	if !d.knows(at) {
		factor *= unlearned
	}
	return x-math.Log(usual) >= share*math.Log(factor) && math.Exp(x)-usual >= share*b.rise
}

func (d *delay) raise(ln float64) {
	if !d.High {
		d.High, d.Level, d.Eased, d.Slow = true, ln, time.Time{}, true
	}
	d.Level = max(d.Level, ln)
}

// value takes in one median.
func (d *delay) value(at time.Time, m float64, b bounds) {
	if d.Values == 0 {
		d.learn(at, m)
		return
	}
	usual := math.Log(d.usual(at))
	z := (m - usual) / max(1.2533*d.Spread, leastSpread) // of a normal: from mean distance to deviation
	if d.Sum == 0 && d.Acute == 0 && !d.High {
		d.Rises = at
	}
	d.Sum = min(max(d.Sum+min(max(z, -cusumClamp), cusumClamp)-cusumSlack, 0), 2*cusumAlarm)
	if d.Sum > cusumAlarm && d.Values >= learnedAfter && d.beyond(at, m, b, 1) {
		d.raise(m)
	}
	if d.High && at.Sub(d.Rises) > relearnAfter {
		*d = delay{} // this is how it is now
	}
	if !d.High {
		d.learn(at, m)
	}
}

// learn moves what is usual a little towards a value; one far off moves it no
// more than one half off does.
func (d *delay) learn(at time.Time, m float64) {
	if d.HourN == nil {
		d.HourN, d.HourLn = make([]byte, 24), make([]float32, 24)
	}
	towards := func(from float64, n int) float64 {
		return from + min(max(m-from, -.5), .5)/float64(min(n+1, memoryOf))
	}
	if d.Values == 0 {
		d.Usual = m
	}
	d.Spread += (min(math.Abs(m-d.Usual), .5) - d.Spread) / float64(min(d.Values+1, memoryOf))
	d.Usual = towards(d.Usual, d.Values)
	d.Values++
	h := at.UTC().Hour()
	if d.HourN[h] == 0 {
		d.HourLn[h] = float32(m)
	}
	d.HourLn[h] = float32(math.Round(1000*towards(float64(d.HourLn[h]), int(d.HourN[h]))) / 1000)
	d.HourN[h] = min(d.HourN[h], math.MaxUint8-1) + 1
}

func (d *delay) knows(at time.Time) bool {
	return d.HourN != nil && d.HourN[at.UTC().Hour()] >= hourLearned
}

// usual is the delay in seconds that is usual at that hour.
func (d *delay) usual(at time.Time) float64 {
	if d.knows(at) {
		return math.Exp(float64(d.HourLn[at.UTC().Hour()]))
	}
	return math.Exp(d.Usual)
}

// now and before are the delay as it is held to be, and as it usually is at
// that time. Both are zero where too little is known.
func (d *delay) read(at time.Time) (now, before time.Duration) {
	if d == nil || d.Values == 0 {
		return 0, 0
	}
	before = seconds(d.usual(at))
	if d.High {
		return seconds(math.Exp(d.Level)), before
	}
	return before, before
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// median of five.
func median(xs []float64) float64 {
	var s [medianOf]float64
	copy(s[:], xs)
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j] < s[j-1]; j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
	return s[medianOf/2]
}

// Bounds of each delay: what a person would call slow.
var (
	tripBounds      = bounds{slowRTT, 0.010}
	firstByteBounds = bounds{slowFirstByte, 0.200}
	bulkBounds      = bounds{slowBulk, 0.200}
)

// quality is how well a target answers, beside whether it does.
type quality struct {
	Loss      losses `json:"loss"`
	Trip      *delay `json:"trip,omitempty"`       // round trip, or time to connect
	FirstByte *delay `json:"first_byte,omitempty"` // of a page, after the request
	Bulk      *delay `json:"bulk,omitempty"`       // handshake and content of a page: what is heavy
}

// measure takes in a new answer of the target.
func (q *quality) measure(r thongsuot.Result, cfg Config) {
	take := func(d **delay, v float64, ok bool, b bounds) {
		if !ok {
			return
		}
		if *d == nil {
			*d = &delay{}
		}
		(*d).add(r.At, v, b, cfg.Calm)
	}
	field := r.Field
	switch r.Kind {
	case thongsuot.ProbeICMP:
		sent, ok := field(thongsuot.FieldSent)
		received, told := field(thongsuot.FieldReceived)
		if ok && told && sent >= 1 {
			q.Loss.add(r.At, int(sent), int(sent-received), cfg)
		}
		rtt, ok := field(thongsuot.FieldRTTMedian)
		take(&q.Trip, rtt, ok, tripBounds)
	case thongsuot.ProbeTCP:
		v, ok := field(thongsuot.FieldConnect)
		take(&q.Trip, v, ok && r.OK(), tripBounds)
	case thongsuot.ProbePortal:
		if !r.OK() {
			return
		}
		v, ok := field(thongsuot.FieldConnect)
		take(&q.Trip, v, ok, tripBounds)
		v, ok = field(thongsuot.FieldTTFB)
		take(&q.FirstByte, v, ok, firstByteBounds)
		tls, ok := field(thongsuot.FieldTLS)
		transfer, _ := field(thongsuot.FieldTransfer)
		take(&q.Bulk, tls+transfer, ok, bulkBounds)
	}
}
