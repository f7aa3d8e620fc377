package central_test

import (
	"strings"
	"testing"
)

func TestSimulatedCentreSaysSo(t *testing.T) {
	h := newHouse(t)
	if strings.Contains(h.get(""), "MÔ PHỎNG") {
		t.Error("a real centre calls its data simulated")
	}
	h.stop()
	h.cfg.Simulated = true
	h.start()
	if !strings.Contains(h.get(""), "SỐ LIỆU MÔ PHỎNG") {
		t.Error("a simulated centre does not say so")
	}
}
