package central_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"thongsuot/identity"
	"thongsuot/ledger"
)

// ask asks the query API at addr and returns the status and the value of the
// only series of the answer.
func (h *house) ask(addr, token, query string) (status int, value string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	var got struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(b, &got); err != nil {
		h.t.Fatalf("%s: %v", b, err)
	}
	if len(got.Data.Result) == 1 {
		value, _ = got.Data.Result[0].Value[1].(string)
	}
	return resp.StatusCode, value
}

// reader makes a token for reading in another connection to the ledger, as the
// command does.
func (h *house) reader(name string) string {
	h.t.Helper()
	l, err := ledger.Open(filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.Close()
	secret := identity.NewToken()
	if err := l.PutReader(h.t.Context(), ledger.Reader{Name: name, Hash: identity.Hash(secret), Created: time.Now()}); err != nil {
		h.t.Fatal(err)
	}
	return secret
}

// What an agent wrote can be read by a program that has a token for reading,
// at both doors, and by nobody else.
func TestQueryAPI(t *testing.T) {
	h := newHouse(t)
	if status, _, text := h.post("25051", []byte("icmp,probe=gateway,target=10.0.0.1 ok=1,sent=5"), nil); status != http.StatusNoContent {
		t.Fatalf("write: %d %s", status, text)
	}
	secret := h.reader("grafana")
	for _, addr := range []string{h.server.WriteAddr(), h.server.PagesAddr()} {
		if status, value := h.ask(addr, secret, `icmp_sent{site="25051"}`); status != http.StatusOK || value != "5" {
			t.Errorf("%s: %d, value %q; want 5", addr, status, value)
		}
		for name, token := range map[string]string{"none": "", "guessed": "x", "a site's": h.tokens["25051"]} {
			if status, _ := h.ask(addr, token, "1"); status != http.StatusUnauthorized {
				t.Errorf("%s with the token %s: %d, want 401", addr, name, status)
			}
		}
	}
	// Reading is not writing.
	h.tokens["25051"] = secret
	if status, _, _ := h.post("25051", []byte("icmp ok=1"), nil); status != http.StatusUnauthorized {
		t.Errorf("a write with a token for reading: %d, want 401", status)
	}
}

// The centre stores what it sees and how it is itself.
func TestOwnMeasures(t *testing.T) {
	h := newHouse(t)
	secret := h.reader("grafana")
	f := func(query, want string) {
		t.Helper()
		for t.Context().Err() == nil { // the first are stored soon after the start
			if _, value := h.ask(h.server.PagesAddr(), secret, query); value != "" {
				if value != want {
					t.Errorf("%s is %s, want %s", query, value, want)
				}
				return
			}
		}
	}
	f(`count(site_state)`, "2")
	f(`site_state{site="25051"}`, "2") // unknown: nothing was heard of it yet
	f(`thongsuot_incident_changes_unrecorded{job="thongsuot-central"}`, "0")
	f(`count(process_resident_memory_bytes) `, "1")
	f(`thongsuot_query_duration_seconds_bucket{le="+Inf"} - ignoring (le) thongsuot_query_duration_seconds_count`, "0")
}
