package registry_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot/registry"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad anew")

// TestBadFiles holds one folder for each rule, with the exact message.
func TestBadFiles(t *testing.T) {
	folders, err := filepath.Glob("testdata/bad/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			_, err := registry.Load(ict, "testdata/good", folder)
			if err == nil {
				t.Fatal("accepted")
			}
			golden := filepath.Join(folder, "want")
			got := []byte(err.Error() + "\n")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("message\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestProblemIsTyped(t *testing.T) {
	_, err := registry.Load(ict, "testdata/good", "testdata/bad/unknown-status")
	var p registry.Problem
	if !errors.As(err, &p) {
		t.Fatalf("no Problem in %v", err)
	}
	want := registry.Problem{
		File: "testdata/bad/unknown-status/sites.csv", Line: 2, Column: "status", Value: "installed",
		Text: "must be one of active, not_installed",
	}
	if p != want {
		t.Errorf("%+v, want %+v", p, want)
	}
}

func TestMissingFolderOrFile(t *testing.T) {
	f := func(want string, dirs ...string) {
		t.Helper()
		_, err := registry.Load(ict, dirs...)
		if err == nil || err.Error() != want {
			t.Errorf("Load(%q): %v, want %s", dirs, err, want)
		}
	}
	f("registry: no folder given")
	f("testdata/nowhere: no such file or directory", "testdata/nowhere")
	f("testdata/nowhere: no such file or directory", "testdata/good", "testdata/nowhere")
	f("testdata/bad/sites.csv: no such file or directory", "testdata/bad")
	if _, err := registry.Load(nil, "testdata/good"); err == nil {
		t.Error("no time zone: accepted")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", "code,kind,unit,name,status\n25000,commune,commune,Di Linh,"+strings.Repeat("ữ", 5000)+"\n")
	_, err := registry.Load(ict, dir)
	if err == nil {
		t.Fatal("accepted")
	}
	if len(err.Error()) > 500 || !strings.Contains(err.Error(), "ữ…") {
		t.Errorf("message of %d bytes: %.300v", len(err.Error()), err)
	}
}

func TestOfficeLockFilesAreNoStrangers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "~$sites.csv", "x")
	write(t, dir, ".~lock.sites.csv#.csv", "x")
	write(t, dir, "README.md", "x")
	mustLoad(t, "testdata/good", dir)
}
