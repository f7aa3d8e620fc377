package alerting_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"thongsuot/alerting"
)

func TestConfig(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		cfg := alerting.DefaultConfig()
		err := yaml.UnmarshalWithOptions([]byte(text), &cfg, yaml.Strict())
		if err == nil {
			err = cfg.Validate()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\ngot  %v\nwant %q", text, err, want)
		}
	}
	const ops = "receivers:\n- name: ops\n  slack: {channel: C0123456789, token_file: t}\n"
	f("{}", "")
	f("language: en\npage_url: https://thongsuot.example/\n"+ops, "")
	f(ops+"  kinds: [commune, test]\n  min_state: degraded\n", "")
	f("language: fr", `alerting.language: must be "vi" or "en" (got "fr")`)
	f("page_url: thongsuot.example", `alerting.page_url: must be an http or https URL (got "thongsuot.example")`)
	f("page_url: javascript:alert(1)", `alerting.page_url: must be`)
	f("receivers:\n- slack: {channel: C0123456789, token_file: t}", `alerting.receivers[0].name: must not be empty`)
	f("receivers:\n- name: ops", `alerting.receivers[0].slack, email, webhook: all are missing`)
	f("receivers:\n- name: ops\n  slack: {channel: \"#ops\", token_file: t}", `alerting.receivers[0].slack.channel: must be the ID`)
	f("receivers:\n- name: ops\n  slack: {channel: C0123456789, token: xoxb}", `token`)
	f(ops+"  kinds: [village]\n", `alerting.receivers[0].kinds: must be of`)
	f(ops+"  min_state: up\n", `alerting.receivers[0].min_state: must be of`)
	f(ops+"- name: ops\n  slack: {channel: C0999999999, token_file: t}", `alerting.receivers[1].name: is already taken (got "ops")`)
	f(ops+"- name: ops2\n  slack: {channel: C0123456789, token_file: t}", `alerting.receivers[1].slack.channel: another receiver has it (got "C0123456789")`)
}

func TestNotifiersNameTheField(t *testing.T) {
	cfg := alerting.DefaultConfig()
	text := "receivers:\n- name: ops\n  slack: {channel: C0123456789, token_file: /nonexistent/token}\n"
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	_, err := cfg.Notifiers(slog.New(slog.DiscardHandler))
	if err == nil || !strings.HasPrefix(err.Error(), "alerting.receivers[0].slack.token_file: open /nonexistent/token") {
		t.Errorf("got %v", err)
	}
}
