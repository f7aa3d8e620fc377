package central_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/wire"
)

// What a site measured of a named service, its UPS and its line is on its page,
// as row and as chart from the store, and can be read back; slow facts that a
// later result leaves out are still shown.
func TestSensorsReachThePageAndTheStore(t *testing.T) {
	h := newHouse(t)
	now := time.Now().Truncate(time.Second)
	num := func(name string, v float64) thongsuot.Field { return thongsuot.Field{Name: name, Value: v} }
	service := func(at time.Time, detail string, slow ...thongsuot.Field) thongsuot.Result {
		return thongsuot.Result{
			Probe: "lgsp", Kind: thongsuot.ProbeService, Target: "https://lgsp.example.vn/", At: at, Reason: thongsuot.ReasonOK, Detail: detail,
			Fields: append([]thongsuot.Field{num(thongsuot.FieldTotal, 0.2031), num(thongsuot.FieldStatusCode, 200)}, slow...),
		}
	}
	ups := func(at time.Time, charge, volts, battery float64, slow ...thongsuot.Field) thongsuot.Result {
		return thongsuot.Result{
			Probe: "ups", Kind: thongsuot.ProbeUPS, Target: "ups@127.0.0.1:3493", At: at, Reason: thongsuot.ReasonOK, Detail: "OL",
			Fields: append([]thongsuot.Field{num(thongsuot.FieldOnline, 1-battery), num(thongsuot.FieldOnBattery, battery), num(thongsuot.FieldCharge, charge), num(thongsuot.FieldInputVolts, volts)}, slow...),
		}
	}
	expiry := time.Date(2027, 3, 9, 12, 0, 0, 0, time.UTC)
	results := []thongsuot.Result{
		service(now.Add(-2*time.Minute), "CA Quốc gia", num(thongsuot.FieldTLSExpiry, float64(expiry.Unix()))),
		ups(now.Add(-2*time.Minute), 0.97, 223, 0, num(thongsuot.FieldNominalWatts, 405)),
		ups(now.Add(-time.Minute), 0.61, 0, 1),
		service(now.Add(-time.Second), ""),
		ups(now.Add(-time.Second), 0.58, 224, 0),
		{
			Probe: "fetch", Kind: thongsuot.ProbeFetch, Target: "https://giamsat.example.vn/api/v1/fetch", At: now.Add(-time.Second), Reason: thongsuot.ReasonOK,
			Fields: []thongsuot.Field{num(thongsuot.FieldDownRate, 31_400_000), num(thongsuot.FieldUpRate, 8_200_000)},
		},
	}
	lines, err := wire.Encode(results)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := h.post("25051", []byte(strings.Join(lines, "\n")), ours(1, wire.SeqRange{From: 1, To: 1})); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	page := h.get("site/25051")
	for _, want := range []string{
		"lgsp.example.vn", "HTTP 200", "09/03/2027", "CA Quốc gia", // of the service, with what its last answer left out
		"405 W", "Mức pin", "Điện áp lưới", "224 V", // of the UPS, as row and charts
		"31,4", "8,2", // of the line, in Mbit/s
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	token := h.reader("test")
	for query, want := range map[string]string{
		`round(service_total_seconds{site="25051",probe="lgsp"}, 0.001)`: "0.203",
		`service_ok{site="25051",probe="lgsp"}`:                          "1",
		`round(ups_charge_ratio{site="25051"}, 0.01)`:                    "0.58",
		`max_over_time(ups_on_battery{site="25051"}[5m])`:                "1",
		`last_over_time(ups_nominal_watts{site="25051"}[2h])`:            "405",
		`fetch_down_bits_per_second{site="25051"}`:                       "31400000",
		`service_tls_not_after_timestamp_seconds{site="25051"} > 1e9`:    "1804593600",
	} {
		if status, got := h.ask(h.server.WriteAddr(), token, query); status != http.StatusOK || got != want {
			t.Errorf("%s: %d, %q; want %q", query, status, got, want)
		}
	}
}
