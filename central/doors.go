package central

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/wire"
)

func (s *Server) newWriteAPI(queries http.Handler, in *ingest) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", queries)
	mux.Handle("POST "+wire.PathWrite, in)
	mux.Handle("POST "+wire.PathBeat, s.beats)
	mux.Handle("GET "+wire.PathNames, s.names)
	mux.Handle("GET "+wire.PathFetch, s.fetch)
	mux.Handle("POST "+wire.PathFetch, s.fetch)
	ping := func(w http.ResponseWriter, _ *http.Request) {
		wire.SetTime(w.Header(), time.Now())
		w.WriteHeader(http.StatusNoContent)
	}
	mux.HandleFunc("GET "+wire.PathPing, ping)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"name":"thongsuot","message":"ready for writes","status":"pass","checks":[]}`))
	})
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: streams},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // handshakes that scanners break off
	}
}

// newEmptyPage serves what nobody on the way would answer: nothing at all.
func newEmptyPage() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.PathEmpty, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: headerTimeout, MaxHeaderBytes: maxHeader}
}

// ownHostOnly refuses requests for any other host than this machine: a page of
// someone else whose name was made to point here must not read ours.
func ownHostOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "these pages are for this machine: use http://127.0.0.1 or ssh -L", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// health says whether the centre can do its work.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if _, err := s.ledger.OpenIncidents(r.Context()); err != nil {
		http.Error(w, "the ledger cannot be read", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

func (s *Server) listen(reg prometheus.Registerer) (err error) {
	ln, err := net.Listen("tcp", s.cfg.Ingest.Listen)
	if err != nil {
		return fmt.Errorf("ingest.listen: %w (free the port or choose another)", err)
	}
	s.writeLn = newCapped(ln, s.cfg.Ingest.MaxConnections, reg)
	if s.cfg.Ingest.TLSCertFile != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.Ingest.TLSCertFile, s.cfg.Ingest.TLSKeyFile)
		if err != nil {
			return fmt.Errorf("ingest.tls_cert_file, ingest.tls_key_file: %w", err)
		}
		s.writeLn = tls.NewListener(s.writeLn, &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		})
	}
	beat := s.cfg.Ingest.Beat
	if beat == "" {
		beat = s.writeLn.Addr().String() // the port that was given, when the configuration says 0
	}
	if s.beatConn, err = net.ListenPacket("udp", beat); err != nil {
		return fmt.Errorf("ingest.beat: %w (free the port or choose another)", err)
	}
	if s.cfg.Ingest.Empty != "" {
		if s.emptyLn, err = net.Listen("tcp", s.cfg.Ingest.Empty); err != nil {
			return fmt.Errorf("ingest.empty: %w (free the port, choose another, or leave it out)", err)
		}
	}
	if s.pagesLn, err = net.Listen("tcp", s.cfg.Pages.Listen); err != nil {
		return fmt.Errorf("pages.listen: %w (free the port or choose another)", err)
	}
	return nil
}

// WriteAddr is where agents write.
func (s *Server) WriteAddr() string { return s.writeLn.Addr().String() }

// BeatAddr is where beats go.
func (s *Server) BeatAddr() string { return s.beatConn.LocalAddr().String() }

// EmptyAddr is where the empty page is served, "" for nowhere.
func (s *Server) EmptyAddr() string {
	if s.emptyLn == nil {
		return ""
	}
	return s.emptyLn.Addr().String()
}

// PagesAddr is where people look.
func (s *Server) PagesAddr() string { return s.pagesLn.Addr().String() }
