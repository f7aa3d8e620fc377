package agent_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"thongsuot/agent"
	"thongsuot/wire"
)

// A line that has just come back makes a connection slowly. How long that took,
// here an hour, says nothing of the way of the question.
func TestSlowConnectionMovesNoDate(t *testing.T) {
	b := &box{up: time.Minute, wall: wall}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { wire.SetTime(w.Header(), b.wall) }))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		b.pass(time.Hour)
		return nil, nil
	}}
	server.StartTLS()
	defer server.Close()
	c := b.clock("a")
	if err := agent.AskTime(t.Context(), server.URL, server.Client(), c); err != nil {
		t.Fatal(err)
	}
	if off, ok := c.Offset(); !ok || off.Abs() > time.Minute {
		t.Errorf("the centre's time is %s off", off)
	}
}
