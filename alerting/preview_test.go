package alerting_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
	"thongsuot/alerting/webhook"
	"thongsuot/lang"
)

// TestPreview: every text is there, in both languages, without a gap, and each
// SMS is one of plain letters.
func TestPreview(t *testing.T) {
	cfg := alerting.DefaultConfig()
	cfg.Chairs.Webhooks = []webhook.Config{{Preset: "modem", Text: "[{{.Kind}}] {{.Short}}"}}
	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		var b strings.Builder
		if err := cfg.Preview(&b, l, zone); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, "⟦") || strings.Contains(text, "%!") {
			t.Errorf("%s: a text is missing or has wrong verbs:\n%s", l, text)
		}
		if n := strings.Count(text, "== "); n != 12 {
			t.Errorf("%s: %d kinds", l, n)
		}
		for _, sms := range regexp.MustCompile(`(?m)^\[[a-z]+, (?:SMS 1×\d+|sms)\] (.*)$`).FindAllStringSubmatch(text, -1) {
			if lang.SegmentsSMS(sms[1]) != 1 || lang.FoldSMS(sms[1]) != sms[1] || strings.HasSuffix(sms[1], "...") {
				t.Errorf("%s: %q is cut, or more than one SMS", l, sms[1])
			}
		}
		for _, sms := range regexp.MustCompile(`(?m)^\[chair, SMS (\d+)×\] (.*)$`).FindAllStringSubmatch(text, -1) {
			if lang.SegmentsSMS(sms[2]) > 2 {
				t.Errorf("%s: %q is %s parts", l, sms[2], sms[1])
			}
		}
	}
}

func TestTryOut(t *testing.T) {
	ops := new(channel)
	chair := named{new(channel), "sms"}
	cfg := alerting.DefaultConfig()
	cfg.Receivers = []alerting.Receiver{{Name: "ops"}}
	all := map[string][]alerting.Notifier{"ops": {ops}, "chair": {chair}}
	p := places{people: map[string][]thongsuot.Person{"25051": {office}}}
	for _, name := range []string{"ops", "chair/25051/1"} {
		if err := alerting.Test(t.Context(), cfg, all, p, name); err != nil {
			t.Error(err)
		}
	}
	if got := ops.messages(); len(got) != 1 || !strings.Contains(got[0].Summary, "tin thử") {
		t.Errorf("%+v", got)
	}
	if got := chair.messages(); len(got) != 1 || got[0].To != office.Phone {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"", "nobody", "chair/25051/2", "chair/99999/1"} {
		if err := alerting.Test(t.Context(), cfg, all, p, name); err == nil {
			t.Errorf("%q is told", name)
		}
	}
	ops.answer = func(notice.Message) (string, error) { return "", errors.New("no route to host") }
	if err := alerting.Test(t.Context(), cfg, all, p, "ops"); err == nil || !strings.Contains(err.Error(), "fake: no route to host") {
		t.Errorf("got %v", err)
	}
}
