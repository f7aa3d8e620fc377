package incident

import (
	"time"

	"thongsuot"
)

// Facts are everything that a judgement on one site rests on. The zero value
// is a site that is heard, with nothing else known. Where a fact may be
// missing it says so itself, since "not measured" and "failed" must never be
// confused.
type Facts struct {
	After  bool // the site is back and its spool has been read; else it is judged as things stand
	Silent bool // no sign of life on any way; only while After is false

	// The centre and the province.
	CentreSick bool // the centre's own self-check, line or reference probes are bad
	Province   bool // most sites fell silent, over several carriers, while the centre is well

	// Neighbours. Onsets count when within three minutes of this one's.
	UpstreamPeers, UpstreamDown  int // other sites on the aggregation route, and those that went silent too
	FeederPeers, FeederOnBattery int // other sites on the power feeder, and those on battery within five minutes

	// Last words and power.
	Words         Words
	UPS           UPS
	MainsSeen     bool          // a mains sensor saw mains within ten seconds of the last sign of life
	InputVolts    float64       // 0 where not told
	OnBatteryIn   bool          // After: on battery at some time in the gap
	BatteryToLoss Interval      // After: from the change to battery to the loss of the line
	HabitOff      bool          // silent at this hour on most evenings: the strip is switched off
	Office        bool          // within office hours
	WAN           Answer        // the centre's own check of the site's address
	Boot          Answer        // After: Yes when the machine ran through, No when it started anew
	Clean         Answer        // After: the agent said goodbye before its machine went down
	Panic         bool          // After: the kernel left its last words
	NewProcess    bool          // After: another process of the agent on the same boot
	Suspended     time.Duration // After: time asleep within the gap
	Gap           time.Duration // After: length of the silence
	ClockReset    bool          // After: the machine's clock came back years or months wrong

	// What the agent's probes found: now, or over the gap.
	Gateway, Hop, Reference, DNS, Portal Ratio
	DNSDiffers                           bool // answers other than the centre's
	Captive                              bool // a page of the carrier's own in place of the one asked for
	PortalSaidSo                         bool // the portal itself answered that it fails, under its own certificate

	// Delay and loss, with what is usual at this hour; zero where not measured.
	Loss, GatewayLoss           float64 // of packets, beyond the gateway and to it
	LossShort                   bool    // the loss began less than five minutes ago
	HopLoss                     Ratio   // to the carrier\'s first hop, where it is asked
	RTT, UsualRTT               time.Duration
	HopRTT, UsualHopRTT         time.Duration // the usual is zero where only UsualRTT is known
	GatewayRTT, UsualGatewayRTT time.Duration
	Connect, UsualConnect       time.Duration
	FirstByte, UsualFirstByte   time.Duration
	Bulk, UsualBulk             time.Duration // what is heavy on the wire: handshake and content of a page

	// The portal elsewhere.
	ReferencePortal                  PortalView
	PortalFailShare, PortalSlowShare float64 // of the sites that were heard
	PortalFailRoutes                 int     // over how many upstreams or carriers they spread
	CarrierFailShare                 Ratio   // of those on the site's own carrier
	OthersFailShare                  Ratio   // of those on the other carriers

	Planned thongsuot.Cause // what a planned window covers now; "" for none
}

// Words are the last that a site said before its silence.
type Words string

// The last words.
const (
	WordsNone          Words = ""
	WordsShutdownPower Words = "shutdown_power" // the machine goes down because the battery ends
	WordsShutdownUser  Words = "shutdown_user"  // a person or the system switched it off
	WordsAgentStop     Words = "agent_stop"     // only our program ended
)

// UPS is the last that a working power sensor said. A sensor that is stale,
// starting or away is none.
type UPS struct {
	Known     bool
	OnBattery bool // and not in a self test
	Low       bool
	Concluded bool          // from a canary: a device of the office that has no battery is dead while another answers
	Runtime   time.Duration // predicted, at the silence; 0 where not told
}

// Answer is yes, no, or not known.
type Answer int

// The answers.
const (
	NotKnown Answer = iota
	No
	Yes
)

// Ratio is a share of successes, where it was measured.
type Ratio struct {
	Measured bool
	Value    float64
}

// Success is a measured ratio.
func Success(v float64) Ratio { return Ratio{true, v} }

// Below these bounds a target is gone, above them it works. Between, it is lossy.
const (
	goneBelow  = 0.2
	worksAbove = 0.8
)

func (r Ratio) gone() bool  { return r.Measured && r.Value < goneBelow }
func (r Ratio) works() bool { return r.Measured && r.Value >= worksAbove }

// Interval is a length of time, where it is known.
type Interval struct {
	Known bool
	D     time.Duration
}

// PortalView is how the reference probe at the province sees the portal.
type PortalView string

// The views of the reference probe.
const (
	PortalNotSeen PortalView = ""
	PortalOK      PortalView = "ok"
	PortalSlow    PortalView = "slow"
	PortalFails   PortalView = "fail"
)
