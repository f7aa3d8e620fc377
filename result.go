package thongsuot

import (
	"slices"
	"time"
)

// ProbeKind names a kind of question to the world. It is also the name of the
// measurement in which the answers are stored.
type ProbeKind string

// The kinds of probe.
const (
	ProbeICMP    ProbeKind = "icmp"    // echo request to an address
	ProbeTCP     ProbeKind = "tcp"     // connect to host:port
	ProbeDNS     ProbeKind = "dns"     // one question to one resolver
	ProbePortal  ProbeKind = "portal"  // one GET of a public page, in phases
	ProbePath    ProbeKind = "path"    // which routers lie on the way to a host
	ProbeService ProbeKind = "service" // one GET of another named service, in the same phases
	ProbeFetch   ProbeKind = "fetch"   // throughput of a line, by a bounded transfer at night
	ProbeCaptive ProbeKind = "captive" // one GET of an empty page of the centre, which nobody else answers that way
	ProbeUPS     ProbeKind = "ups"     // state of an uninterruptible power supply, from NUT
	ProbeMains   ProbeKind = "mains"   // mains adapter of the machine itself
	ProbeBoot    ProbeKind = "boot"    // boot id and uptime of the machine
	ProbeAgent   ProbeKind = "agent"   // the agent about itself: start, stop, losses
	ProbeVoltage ProbeKind = "voltage" // mains voltage of ten minutes, from what a UPS measures
	ProbeCanary  ProbeKind = "canary"  // a device of the office that has no battery behind it
)

// Page reports whether a probe of this kind asks for a public page, in phases.
func (k ProbeKind) Page() bool { return k == ProbePortal || k == ProbeService }

// Result is the answer of one run of one probe.
type Result struct {
	Probe  string // name, unique within one agent: "gateway", "portal"
	Kind   ProbeKind
	Line   string    // line of the site that the run was bound to; "" for the way that all take
	Target string    // what was asked: address, host:port, URL, UPS name
	At     time.Time // when the run began; dated by the agent, zero before that
	Reason Reason    // ReasonOK, or the class of the failure
	Detail string    // for people: error text, UPS tokens, boot id; at most MaxDetail bytes
	Fields []Field   // what was measured, if anything
}

// NameGateway is the name of the probe that asks the site's own gateway, with
// -2 and so on behind it for the gateways of further lines.
const NameGateway = "gateway"

// NameHop and NameUpstream are the names of the probes that ask routers of the
// carrier on the way to the centre: the first one behind the office, and the
// one behind that.
const (
	NameHop      = "hop"
	NameUpstream = "upstream"
)

// NameCentre is the name of the probe that connects to the centre. While a site
// is heard, its failure says nothing of the site's line.
const NameCentre = "centre"

// MaxDetail bounds Result.Detail, in bytes, so that a round fits a datagram-sized record.
const MaxDetail = 120

// OK reports whether the answer was the wanted one.
func (r Result) OK() bool { return r.Reason == ReasonOK }

// Field returns the measured value called name.
func (r Result) Field(name string) (value float64, ok bool) {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

// Slow reports whether a field is a fact that stays as it is for months. Agents
// say such facts on change and once an hour, and so they do with the detail of
// a good page, which is the issuer of its certificate.
func Slow(field string) bool {
	return field == FieldTLSExpiry || field == FieldNominalVolts || field == FieldNominalWatts
}

// Recall is a good result with the slow facts that it leaves out, as the one
// before it of the same probe and target had them.
func (r Result) Recall(before Result) Result {
	if !r.OK() || !before.OK() {
		return r
	}
	if r.Kind.Page() && r.Detail == "" {
		r.Detail = before.Detail
	}
	for _, f := range before.Fields {
		if _, said := r.Field(f.Name); !said && Slow(f.Name) {
			r.Fields = append(slices.Clone(r.Fields), f)
		}
	}
	return r
}

// Runs is how many runs of the probe the result stands for: one, unless an
// agent summed up several that answered alike.
func (r Result) Runs() int {
	if n, ok := r.Field(FieldRuns); ok && n > 1 {
		return int(n)
	}
	return 1
}

// Doubt is by how much the time of the result may be off, 0 where that is not
// worth telling.
func (r Result) Doubt() time.Duration {
	s, _ := r.Field(FieldClockError)
	return time.Duration(min(max(s, 0), 1e9) * float64(time.Second))
}

// Field is one measured quantity. The name ends in its unit (_seconds,
// _ratio, _bytes, _volts) unless the value is a bare number or a truth (0, 1).
type Field struct {
	Name  string
	Value float64
}

// Names of fields that more than one package reads.
const (
	FieldOK           = "ok"          // 1 when Reason is ReasonOK; added on the wire
	FieldReasonCode   = "reason_code" // Reason.Code; added by the store's side of the wire
	FieldSent         = "sent"        // echo requests
	FieldReceived     = "received"
	FieldLoss         = "loss_ratio" // only when something was sent
	FieldRTTMin       = "rtt_min_seconds"
	FieldRTTMedian    = "rtt_median_seconds"
	FieldRTTP95       = "rtt_p95_seconds"
	FieldRTTMax       = "rtt_max_seconds"
	FieldJitter       = "jitter_seconds"          // RFC 3550 section 6.4.1
	FieldVariation    = "delay_variation_seconds" // RFC 5481 section 3.1, over a minute
	FieldHops         = "hops"                    // that answered on a path
	FieldReached      = "reached"                 // 1 when the end of the path answered
	FieldDownRate     = "down_bits_per_second"
	FieldUpRate       = "up_bits_per_second"
	FieldDownBytes    = "down_bytes" // that the throughput was measured by
	FieldUpBytes      = "up_bytes"
	FieldConnect      = "connect_seconds"
	FieldQuery        = "query_seconds"
	FieldAnswers      = "answers"
	FieldInvents      = "invents" // 1 when the resolver answers names that do not exist
	FieldDNS          = "dns_seconds"
	FieldTLS          = "tls_seconds"
	FieldTTFB         = "ttfb_seconds"
	FieldTransfer     = "transfer_seconds"
	FieldTotal        = "total_seconds"
	FieldStatusCode   = "status_code"
	FieldBodyBytes    = "body_bytes"
	FieldTLSExpiry    = "tls_not_after_timestamp_seconds"
	FieldOnline       = "online"      // mains present at the UPS or the adapter
	FieldOnBattery    = "on_battery"  // 1 while on battery and not in a self test
	FieldLowBattery   = "low_battery" // 1 when the UPS says its battery is about to end
	FieldCharge       = "charge_ratio"
	FieldRuntime      = "runtime_seconds"
	FieldInputVolts   = "input_volts"
	FieldNominalVolts = "nominal_volts"     // of a UPS: the mains that it is made for
	FieldNominalWatts = "nominal_watts"     // of a UPS: the load that it carries
	FieldClean        = "clean_stop"        // 1 when the agent's last run said goodbye
	FieldSameBoot     = "same_boot"         // 1 when the machine ran on since then
	FieldPanic        = "panic"             // 1 when the kernel left its last words
	FieldSuspended    = "suspended_seconds" // that the machine was asleep since its boot
	FieldReplace      = "replace_battery"
	FieldUnprotected  = "unprotected" // 1 while the UPS is bypassed or its output off
	FieldMeanVolts    = "mean_volts"  // of a window of ten minutes, as are the next four
	FieldMinVolts     = "min_volts"
	FieldMaxVolts     = "max_volts"
	FieldVoltsNormal  = "within_normal" // 1 when the mean is within what is normal
	FieldVoltsLimit   = "within_limit"  // 1 when it is within what machines bear
	FieldVoltsBand    = "band"          // 0 normal, 1 off normal for half an hour, 2 beyond the limit
	FieldLoad         = "load_ratio"
	FieldUptime       = "uptime_seconds"
	FieldStopping     = "stopping"        // 1 in the agent's last words
	FieldDropped      = "dropped_records" // given up since the agent's start
	FieldSpoolRecords = "spool_records"   // waiting to be delivered
	FieldSpoolBytes   = "spool_bytes"
	FieldBeatRTT      = "beat_rtt_seconds"
	FieldBeatEvery    = "beat_every_seconds"   // pace of beats: slower on battery and on metered lines
	FieldPageEvery    = "page_every_seconds"   // least pace of public pages; only where the line or the province asks for one
	FieldMetered      = "metered"              // 1 where every byte is paid for: fewer beats, probes and posts
	FieldBeatHTTP     = "beat_over_http"       // 1 while datagrams to the centre are not answered
	FieldShutdown     = "shutting_down"        // 1 in the last words when the whole machine goes down
	FieldClockOffset  = "clock_offset_seconds" // the machine's clock minus the centre's
	FieldClockError   = "clock_error_seconds"  // how far the time of this result may be off; only where that is more than a few seconds
	FieldRuns         = "runs"                 // runs of the probe that this result sums up; only where they are several
)

// Sample is one number of one series at one instant, as it is stored.
type Sample struct {
	Metric string  // measurement_field: "icmp_rtt_median_seconds"
	Labels []Label // sorted by name, without the metric's name
	At     time.Time
	Value  float64
}

// MetricSiteState is the metric that the centre itself stores of each site: the
// severity of the state that it sees, State.Severity. What was stored is not
// revised; the ledger holds what later evidence made of it.
const MetricSiteState = "site_state"

// MetricSiteInfo is the metric, always 1, by whose labels a program that knows
// codes alone finds the name, carrier and upstream of a site.
const MetricSiteInfo = "site_info"

// Label is one name and value of a series.
type Label struct{ Name, Value string }

// Names of labels that the centre or the agent sets.
const (
	LabelSite   = "site"
	LabelProbe  = "probe"
	LabelTarget = "target"
	LabelLine   = "line" // of a site with several, for probes bound to one
)
