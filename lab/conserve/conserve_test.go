package conserve_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot/lab/conserve"
)

var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "thongsuot-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir, "thongsuot/cmd/thongsuot-agent", "thongsuot/cmd/thongsuot-central")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		bin = dir
		return m.Run()
	}())
}

// config has 200 kills in all, those of both programs counted once.
func config(t *testing.T) conserve.Config {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "root, to mount file systems")
	}
	for _, tool := range []string{"mkfs.ext4", "losetup", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		missing(t, "loop devices")
	}
	cfg := conserve.DefaultConfig()
	cfg.Agent, cfg.Central = filepath.Join(bin, "thongsuot-agent"), filepath.Join(bin, "thongsuot-central")
	cfg.Kills, cfg.Parallel = 67, 8
	return cfg
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

// Nothing is lost and nothing is stored twice, whatever breaks.
func TestNothingIsLostOrDoubled(t *testing.T) {
	cfg := config(t)
	var table bytes.Buffer
	conserve.Heading(&table)
	rows := 0
	err := conserve.Run(context.Background(), cfg, func(r conserve.Row) {
		rows++
		r.Print(&table)
		if !r.OK() {
			t.Errorf("%s: not all accounted for", r.Fault)
		}
	})
	if err != nil || rows != len(conserve.Faults()) {
		t.Errorf("%d faults, %v", rows, err)
	}
	t.Log("\n" + table.String())
}

// The account sees a loss when there is one.
func TestALossIsSeen(t *testing.T) {
	t.Parallel()
	r := conserve.LoseSpool(context.Background(), config(t))
	if r.Error != "" || r.OK() || r.Lost == 0 || r.Stored == 0 {
		t.Errorf("%+v", r)
	}
}

func TestUnknownFault(t *testing.T) {
	cfg := conserve.DefaultConfig()
	cfg.Faults = []string{"flood"}
	if err := conserve.Run(context.Background(), cfg, nil); err == nil || !strings.Contains(err.Error(), `"flood"`) {
		t.Errorf("got %v", err)
	}
}
