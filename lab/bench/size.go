package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// platforms are those that agents run on.
var platforms = [...]struct{ name, env string }{
	{"linux/amd64", "GOARCH=amd64"},
	{"linux/arm64", "GOARCH=arm64"},
	{"linux/armv7", "GOARCH=arm GOARM=7"},
	{"linux/mipsle, soft float", "GOARCH=mipsle GOMIPS=softfloat"},
}

// size builds the agent statically for each platform, as a release would.
func size(ctx context.Context, b *run) error {
	if err := b.noSource(); err != nil {
		return err
	}
	for _, p := range platforms {
		out := filepath.Join(b.dir, "agent-of-a-platform")
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+b.cfg.Version, "-o", out, "./cmd/thongsuot-agent")
		cmd.Dir = b.cfg.Source
		cmd.Env = append(os.Environ(), append(strings.Fields(p.env), "GOOS=linux", "CGO_ENABLED=0")...)
		what := "agent's binary, " + p.name
		if text, err := cmd.CombinedOutput(); err != nil {
			b.leave(what, "go build in %s: %v: %s", b.cfg.Source, err, text)
			continue
		}
		info, err := os.Stat(out)
		if err != nil {
			return err
		}
		b.add(Figure{What: what, Value: float64(info.Size()) / 1e6, Unit: "MB", Bar: bar(14)})
	}
	for _, name := range []string{"vmagent", "prometheus-blackbox-exporter"} {
		path, err := exec.LookPath(name)
		if err != nil {
			b.leave("size of "+name, "not installed (apt-get install %s)", packageOf(name))
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		note := "as Debian ships it"
		if name == "vmagent" {
			note += "; probes nothing by itself"
		}
		b.add(Figure{What: "agent's binary, linux/amd64", Of: name, Value: float64(info.Size()) / 1e6, Unit: "MB", Note: note})
	}
	return ctx.Err()
}

// packageOf is the package of Debian that has a program.
func packageOf(name string) string {
	switch name {
	case "vmagent", "victoria-metrics":
		return "victoria-metrics"
	case "influxd":
		return "influxdb"
	default:
		return name
	}
}

// installed is the path of a program, or an error that says how to get it.
func installed(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed (apt-get install %s)", name, packageOf(name))
	}
	return path, nil
}

// noSource is why a row that needs the source tree cannot be measured.
func (b *run) noSource() error {
	if _, err := os.Stat(filepath.Join(b.cfg.Source, "go.mod")); err != nil {
		return fmt.Errorf("needs the source tree: %w (run from the project's folder, or name it with -source)", err)
	}
	return nil
}
