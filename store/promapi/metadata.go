package promapi

import (
	"net/http"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/store"
)

// recently is how far back metadata look for names.
const recently = 24 * time.Hour

// metadata says of each metric what it is. Its unit is the end of its name.
func (h *handler) metadata(r *http.Request) (answer, error) {
	limit, err := limitOf(r)
	if err != nil {
		return answer{}, err
	}
	names := []string{r.Form.Get("metric")}
	if names[0] == "" {
		now := h.opt.Now()
		if names, err = h.db.LabelValues(r.Context(), "__name__", store.Match{From: now.Add(-recently), To: now}); err != nil {
			return answer{}, err
		}
	}
	if limit > 0 && len(names) > limit {
		names = names[:limit]
	}
	return answer{data: func(w *writer) {
		w.object(func() {
			for _, name := range names {
				w.key(name)
				w.array(1, func(int) {
					w.object(func() {
						w.field("type", kind(name))
						w.field("help", meaning(name))
						w.field("unit", unit(name))
					})
				})
			}
		})
	}}, nil
}

func kind(name string) string {
	switch {
	case strings.HasPrefix(name, "thongsuot_") && strings.HasSuffix(name, "_total"):
		return "counter"
	default:
		return "gauge"
	}
}

func unit(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for _, u := range []string{"timestamp_seconds", "seconds", "bytes", "ratio", "volts"} {
		if strings.HasSuffix(name, "_"+u) {
			return strings.TrimPrefix(u, "timestamp_")
		}
	}
	return ""
}

// meaning is what a measured quantity means, "" where a client of another make
// wrote it.
func meaning(name string) string {
	if name == thongsuot.MetricSiteState {
		return "Severity of the state that the engine sees at the site: 0 up, 1 off, 2 unknown, 3 at risk, 4 degraded, 5 down."
	}
	measurement, field, _ := strings.Cut(name, "_")
	help, known := meanings[field]
	of, ours := measurements[measurement]
	if !known || !ours {
		return ""
	}
	return of + ": " + help + "."
}

var measurements = map[string]string{
	string(thongsuot.ProbeICMP):    "ICMP echo",
	string(thongsuot.ProbeTCP):     "TCP connect",
	string(thongsuot.ProbeDNS):     "DNS question",
	string(thongsuot.ProbePortal):  "GET of a public page",
	string(thongsuot.ProbeService): "GET of a named service",
	string(thongsuot.ProbeCaptive): "GET of the centre's empty page",
	string(thongsuot.ProbePath):    "routers on the way to the centre",
	string(thongsuot.ProbeFetch):   "bounded transfer at night",
	string(thongsuot.ProbeUPS):     "uninterruptible power supply",
	string(thongsuot.ProbeMains):   "mains of the machine",
	string(thongsuot.ProbeBoot):    "machine",
	string(thongsuot.ProbeAgent):   "agent",
}

var meanings = map[string]string{
	thongsuot.FieldOK:           "1 when the answer was the wanted one",
	thongsuot.FieldReasonCode:   "class of the failure, 0 for none",
	thongsuot.FieldSent:         "requests sent",
	thongsuot.FieldReceived:     "answers received",
	thongsuot.FieldLoss:         "share of requests without an answer",
	thongsuot.FieldRTTMin:       "shortest round trip",
	thongsuot.FieldRTTMedian:    "median round trip",
	thongsuot.FieldRTTP95:       "95th percentile of the round trips",
	thongsuot.FieldRTTMax:       "longest round trip",
	thongsuot.FieldJitter:       "interarrival jitter, RFC 3550",
	thongsuot.FieldVariation:    "delay variation over a minute, RFC 5481",
	thongsuot.FieldHops:         "routers that answered",
	thongsuot.FieldReached:      "1 when the end of the way answered",
	thongsuot.FieldInvents:      "1 when names that do not exist are given an address",
	thongsuot.FieldDownRate:     "throughput to the site",
	thongsuot.FieldUpRate:       "throughput from the site",
	thongsuot.FieldDownBytes:    "bytes that came",
	thongsuot.FieldUpBytes:      "bytes that went",
	thongsuot.FieldConnect:      "time to connect",
	thongsuot.FieldQuery:        "time to the answer",
	thongsuot.FieldAnswers:      "records in the answer",
	thongsuot.FieldDNS:          "time to resolve the name",
	thongsuot.FieldTLS:          "time of the TLS handshake",
	thongsuot.FieldTTFB:         "time from the request to the first byte",
	thongsuot.FieldTransfer:     "time from the first byte to the last",
	thongsuot.FieldTotal:        "time of the whole",
	thongsuot.FieldStatusCode:   "HTTP status",
	thongsuot.FieldBodyBytes:    "bytes of the page that were read",
	thongsuot.FieldTLSExpiry:    "end of the certificate's life, since 1970, said once an hour",
	thongsuot.FieldOnline:       "1 when mains is present",
	thongsuot.FieldOnBattery:    "1 when on battery, but in a self test",
	thongsuot.FieldLowBattery:   "1 when the battery is about to end",
	thongsuot.FieldCharge:       "charge of the battery",
	thongsuot.FieldRuntime:      "predicted time on battery",
	thongsuot.FieldInputVolts:   "voltage of the mains",
	thongsuot.FieldNominalVolts: "voltage of the mains that the UPS is made for, said once an hour",
	thongsuot.FieldNominalWatts: "load that the UPS carries at most, said once an hour",
	thongsuot.FieldLoad:         "share of the supply's power that is drawn",
	thongsuot.FieldUptime:       "time since boot",
	thongsuot.FieldStopping:     "1 in its last words",
	thongsuot.FieldDropped:      "records given up since its start",
	thongsuot.FieldSpoolRecords: "records waiting to be delivered",
	thongsuot.FieldSpoolBytes:   "bytes waiting to be delivered",
	thongsuot.FieldBeatRTT:      "round trip of the beat to the centre",
	thongsuot.FieldClockOffset:  "the machine's clock minus the centre's",
}
