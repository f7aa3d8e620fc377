package real_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"thongsuot/lab/real"
)

// A visitor finds the agent at the standard job, with its data where it was
// told to keep them, and may start things; all is gone afterwards.
func TestVisit(t *testing.T) {
	cfg := programs(t)
	cfg.Standard, cfg.Disks = true, t.TempDir()
	var err error
	if cfg.Script, err = real.Parse("visit", strings.NewReader("sites 1\nend 1s\n")); err != nil {
		t.Fatal(err)
	}
	errSeen := errors.New("seen")
	err = real.Visit(t.Context(), cfg, func(ctx context.Context, v real.Visitor) error {
		if comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(v.Agent()), "comm")); err != nil || !strings.HasPrefix(string(comm), "thongsuot-agent") {
			t.Errorf("the agent is %q, %v", comm, err)
		}
		if kept, _ := filepath.Glob(filepath.Join(cfg.Disks, "*/agent/spool/*")); len(kept) == 0 {
			t.Error("nothing is kept in the folder that was given")
		}
		resp, err := v.Client(v.Site()).Get(v.Page())
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("page of the reference host: %v", err)
		} else {
			_ = resp.Body.Close()
		}
		if _, _, err := v.Start(v.Site(), "sleep", "sleep", "1000"); err != nil {
			t.Error(err)
		}
		return errSeen
	})
	if !errors.Is(err, errSeen) {
		t.Error(err)
	}
	nothingLeft(t, os.Getpid())
}
