package alerting_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/slack"
	"thongsuot/alerting/slack/slacktest"
)

const (
	slackToken   = "xoxb-crash"
	slackChannel = "C0123456789"
)

// slackConfig is a configuration with one receiver in server's channel.
func slackConfig(t *testing.T, server *slacktest.Server) alerting.Config {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(slackToken), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := alerting.DefaultConfig()
	cfg.Receivers = []alerting.Receiver{{
		Name:  "ops",
		Slack: &slack.Config{Channel: slackChannel, TokenFile: name, APIURL: server.URL()},
	}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// life runs a dispatcher until stop says that it is time; it reports whether
// that was because the ledger died.
func life(t *testing.T, cfg alerting.Config, ledger *memory) (died bool) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	notifiers, err := cfg.Notifiers(log)
	if err != nil {
		t.Fatal(err)
	}
	d := alerting.New(cfg, notifiers, ledger, province, zone, log, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	hang := time.After(30 * time.Second) // only a bug takes so long
	for {
		select {
		case <-ledger.died:
			return true
		case <-ledger.moved:
			if ledger.settled() {
				return false
			}
		case <-hang:
			t.Fatalf("nothing moves: %q", ledger.states())
		}
	}
}

// TestKilledAnywhere: the program is killed at each of its calls of the
// ledger, just before or just after the ledger did it, all through the life of
// an incident, and started again. Slack is told everything, once.
func TestKilledAnywhere(t *testing.T) {
	for _, late := range []bool{false, true} {
		killed := true
		for n := 1; killed; n++ {
			server := slacktest.New(t, slackToken, slackChannel)
			cfg, ledger := slackConfig(t, server), newMemory()
			ledger.dieAfter(n, late)
			killed = false
			for _, c := range []thongsuot.Change{
				opened("i1"),
				change("i1", 2, thongsuot.ChangeWorse, silent),
				change("i1", 3, thongsuot.ChangeBetter, silent),
				change("i1", 4, thongsuot.ChangeClosed, silent),
			} {
				ledger.record(c)
				if life(t, cfg, ledger) {
					killed = true
					ledger.revive()
					life(t, cfg, ledger)
				}
			}
			want := []string{"message 4", "reply 2", "reply 4"}
			if got := shape(server); !slices.Equal(got, want) {
				t.Errorf("killed at call %d (late %v): Slack has %q, want %q", n, late, got, want)
			}
			server.Close()
		}
	}
}

// TestKilledUnseen: killed before anything was written down, and the incident
// went on meanwhile: the message is found by what it carries.
func TestKilledUnseen(t *testing.T) {
	server := slacktest.New(t, slackToken, slackChannel)
	cfg, ledger := slackConfig(t, server), newMemory()
	ledger.record(opened("i1"))
	// Claimed, Unrouted, Deliveries, Changes, Route, Due, Changes, Deliveries, Claim:
	// the tenth call would write down that the message was sent.
	ledger.dieAfter(10, false)
	if !life(t, cfg, ledger) || !slices.Equal(shape(server), []string{"message 1"}) {
		t.Fatalf("not killed between post and Finish: Slack has %q", shape(server))
	}
	ledger.revive()
	ledger.record(change("i1", 2, thongsuot.ChangeWorse, silent), change("i1", 3, thongsuot.ChangeClosed, silent))
	life(t, cfg, ledger)
	if got, want := shape(server), []string{"message 3", "reply 3"}; !slices.Equal(got, want) {
		t.Errorf("Slack has %q, want %q", got, want)
	}
}

// shape is what Slack's channel holds, as kind and revision.
func shape(server *slacktest.Server) []string {
	var out []string
	for _, m := range server.Messages(slackChannel) {
		kind := "message"
		if m.Reply() {
			kind = "reply"
		}
		out = append(out, fmt.Sprintf("%s %v", kind, m.Metadata.EventPayload["revision"]))
	}
	return out
}
