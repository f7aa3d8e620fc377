package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"thongsuot/central"
	load "thongsuot/cmd/internal/program"
)

const composeDir = "../deploy/compose"

type composed struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Command     []string
		Volumes     []string
		DependsOn   []string `yaml:"depends_on"`
		Secrets     []string
		NetworkMode string `yaml:"network_mode"`
	}
	Volumes map[string]any
	Secrets map[string]struct{ File string }
}

// made lists what the operator makes, as the README says.
var made = []string{"./secrets", "./grafana/provisioning", "./grafana/dashboards"}

// What cannot be run here is at least whole: every file that is mounted is
// there, every name that is used is defined, the centre takes its configuration.
func TestCompose(t *testing.T) {
	for _, file := range []string{"compose.yaml", "scale-out.yaml"} {
		text, err := os.ReadFile(filepath.Join(composeDir, file))
		if err != nil {
			t.Fatal(err)
		}
		var c composed
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(c.Services) < 3 || !strings.Contains(string(text), "NOT RUN") {
			t.Errorf("%s: %d services", file, len(c.Services))
		}
		for name, s := range c.Services {
			if s.Image == "" {
				if _, err := os.Stat(filepath.Join(composeDir, s.Build.Context, s.Build.Dockerfile)); err != nil {
					t.Errorf("%s, %s: %v", file, name, err)
				}
			}
			for _, other := range s.DependsOn {
				if _, ok := c.Services[other]; !ok {
					t.Errorf("%s, %s depends on %s, which is nowhere", file, name, other)
				}
			}
			for _, secret := range s.Secrets {
				if !strings.HasPrefix(c.Secrets[secret].File, "./secrets/") {
					t.Errorf("%s, %s: secret %s is nowhere", file, name, secret)
				}
			}
			for _, v := range s.Volumes {
				from, _, _ := strings.Cut(v, ":")
				if !strings.HasPrefix(from, ".") {
					if _, ok := c.Volumes[from]; !ok {
						t.Errorf("%s, %s: volume %s is nowhere", file, name, from)
					}
					continue
				}
				if _, err := os.Stat(filepath.Join(composeDir, from)); err != nil && !strings.Contains(strings.Join(made, " ")+" ", from+" ") {
					t.Errorf("%s, %s: %v", file, name, err)
				}
			}
			flagsKnown(t, s.Command)
		}
	}
	for _, file := range []string{"central.yaml", "central-scale-out.yaml"} {
		cfg := central.DefaultConfig()
		if err := load.Load(filepath.Join(composeDir, file), nil, "", &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if cfg.Engine == "embedded" {
			t.Errorf("%s keeps samples in the centre", file)
		}
	}
}

// flagsKnown asks the real VictoriaMetrics for its flags; a few are of the
// cluster alone, which cannot be had here.
func flagsKnown(t *testing.T, command []string) {
	t.Helper()
	help, err := exec.Command("victoria-metrics", "-help").CombinedOutput()
	if len(help) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("flags not compared: victoria-metrics is not installed")
		return
	}
	for _, arg := range command {
		name, _, isFlag := strings.Cut(arg, "=")
		if !isFlag || name == "-storageNode" || name == "-replicationFactor" {
			continue
		}
		if !strings.Contains(string(help), "  "+name+" ") && !strings.Contains(string(help), "  "+name+"\n") {
			t.Errorf("VictoriaMetrics has no flag %s", name)
		}
	}
}
