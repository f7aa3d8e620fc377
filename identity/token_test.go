package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot/identity"
)

func TestTokensDiffer(t *testing.T) {
	a, b := identity.NewToken(), identity.NewToken()
	if a == b || identity.Hash(a) == identity.Hash(b) {
		t.Error("two tokens are equal")
	}
	ka, err := identity.BeatKey(a)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := identity.BeatKey(b)
	if err != nil {
		t.Fatal(err)
	}
	if ka == kb || ka == identity.Hash(a) {
		t.Error("a beat key equals another, or what the ledger calls the hash")
	}
}

func TestReadTokenFile(t *testing.T) {
	f := func(content, want, wantErr string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := identity.ReadTokenFile(path)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
		if err != nil && content != "" && strings.Contains(err.Error(), strings.TrimSpace(content)) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	token := identity.NewToken()
	f(token+"\r\n", token, "")
	f("short", "", "at least 22")
	f("", "", "at least 22")
	f(token+" "+token, "", "exactly one token")

	if _, err := identity.ReadTokenFile(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "thongsuot-central token") {
		t.Errorf("a missing file: %v", err)
	}
}
