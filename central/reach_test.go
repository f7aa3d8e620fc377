package central_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"thongsuot/central"
)

// The centre asks the address that the registry has for a site once it has
// heard it, and not that of a site without one.
func TestAddressOfASiteIsAsked(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	h := newHouseWith(t, func(c *central.Config) {
		c.ReachPort = ln.Addr().(*net.TCPAddr).Port
		sites := "code,kind,unit,name,status,wan_address\n25051,commune,commune,Sơn Điền,active,127.0.0.1\n24712,commune,commune,Quảng Phú,active,\n"
		if err := os.WriteFile(filepath.Join(c.Registry[0], "sites.csv"), []byte(sites), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	b := h.beater("25051")
	b.meet()
	b.beat.Seq++
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Fatalf("%+v %v", r, ok)
	}
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
