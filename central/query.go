package central

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/store/promapi"
)

// readers are the programs that may read all series. They have tokens of their
// own: a site's token writes and reads nothing.
type readers struct {
	ledger *ledger.Ledger
	log    *slog.Logger
	now    func() time.Time

	mu   sync.Mutex
	list []ledger.Reader
	read time.Time
}

var (
	errNoReader      = errors.New("no token for reading: make one with thongsuot-central reader NAME and send it as Authorization: Bearer …")
	errUnknownReader = errors.New("this token reads nothing: make one with thongsuot-central reader NAME")
)

func (t *readers) authorise(r *http.Request) error {
	secret, err := presented(r)
	if err != nil {
		return errNoReader
	}
	hash := identity.Hash(secret)
	t.mu.Lock()
	defer t.mu.Unlock()
	// Guessing costs the ledger nothing, also while there is no reader at all.
	if now := t.now(); t.read.IsZero() || now.Sub(t.read) >= reloadTokens || now.Before(t.read) {
		list, err := t.ledger.Readers(r.Context())
		if err != nil {
			t.log.Error("readers not read, the query API answers nobody", "err", err)
			return errors.New("the list of readers cannot be read: look into the centre's log")
		}
		t.list, t.read = list, now
	}
	for _, known := range t.list {
		if subtle.ConstantTimeCompare(known.Hash[:], hash[:]) == 1 {
			return nil
		}
	}
	return errUnknownReader
}

// rules are the kinds of alert, one for each state in which somebody should act.
func rules() []promapi.Rule {
	rule := func(state thongsuot.State, name, summary string) promapi.Rule {
		return promapi.Rule{Name: name, Summary: summary, Query: stateQuery(state)}
	}
	return []promapi.Rule{
		rule(thongsuot.StateDown, "SiteDown", "The site's counter cannot serve citizens."),
		rule(thongsuot.StateDegraded, "SiteDegraded", "The site serves, but slowly or with losses."),
		rule(thongsuot.StateAtRisk, "SiteAtRisk", "The site serves on battery or on bad voltage."),
		rule(thongsuot.StateUnknown, "SiteUnknown", "The centre cannot see how the site is."),
	}
}

func stateQuery(state thongsuot.State) string {
	return thongsuot.MetricSiteState + " == " + string(rune('0'+state.Severity()))
}

// alerts are the incidents that go on, in Prometheus' shape.
func (s *Server) alerts(ctx context.Context) ([]promapi.Alert, error) {
	open, err := s.ledger.OpenIncidents(ctx)
	if err != nil {
		return nil, err
	}
	names := map[thongsuot.State]string{}
	for i, state := range []thongsuot.State{thongsuot.StateDown, thongsuot.StateDegraded, thongsuot.StateAtRisk, thongsuot.StateUnknown} {
		names[state] = rules()[i].Name
	}
	var out []promapi.Alert
	for _, in := range open {
		name, ok := names[in.Verdict.State]
		if !ok {
			continue // switched off as expected, or about to end
		}
		site, _ := s.registry.Current().Site(in.Site)
		out = append(out, promapi.Alert{
			Rule: name, Since: in.Start, Value: float64(in.Verdict.State.Severity()),
			Labels: []thongsuot.Label{
				{Name: "cause", Value: string(in.Verdict.Cause)}, {Name: "confidence", Value: string(in.Verdict.Confidence.Level())},
				{Name: "incident", Value: in.ID}, {Name: thongsuot.LabelSite, Value: in.Site}, {Name: "state", Value: string(in.Verdict.State)},
			},
			Annotations: []thongsuot.Label{{Name: "site_name", Value: site.Name}, {Name: "page", Value: "/incident/" + in.ID}},
		})
	}
	return out, nil
}

// newQueryAPI serves the stored series to programs such as Grafana.
func (s *Server) newQueryAPI(version string, log *slog.Logger, reg prometheus.Registerer) (http.Handler, error) {
	db, ok := s.store.(promapi.Database)
	if !ok {
		return http.NotFoundHandler(), nil // an engine with a language of its own is asked directly
	}
	who := &readers{ledger: s.ledger, log: log, now: time.Now}
	return promapi.Handler(db, promapi.Options{
		Authorise: who.authorise, Alerts: s.alerts, Rules: rules(), Timeout: s.cfg.Store.QueryTimeout,
		Concurrent: s.cfg.Query.Concurrent, Version: version, Log: log, Registerer: reg,
	})
}
