package dashboards

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"thongsuot/lang"
)

const (
	// chartPace is the least time between two updates of what is costly.
	chartPace = 30 * time.Second
	// drawLimit is how long drawing for all viewers of a page may take.
	drawLimit = 10 * time.Second
)

// live serves streams. Viewers of one page share its drawings.
type live struct {
	h           *handler
	compressors *sync.Pool

	mu      sync.Mutex // guards all below, and users of each
	streams int
	shown   map[page]*drawings
}

// drawings are the latest drawing of one page, for all its viewers.
type drawings struct {
	users int // guarded by live.mu

	mu     sync.Mutex // held while drawing, so that it is done once for all
	latest drawn
	full   time.Time // when what is costly was drawn last
}

// drawn is a page as it was at one instant.
type drawn struct {
	parts   []fragment
	asOf    time.Time       // what it is true for
	at      time.Time       // when it was drawn; zero for never
	changed <-chan struct{} // closed when it may no longer be true
}

func newLive(h *handler) *live {
	return &live{h: h, compressors: newCompressors(), shown: make(map[page]*drawings)}
}

// enter takes a place among the viewers of p; ok is false when all are taken.
func (l *live) enter(p page) (d *drawings, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams >= l.h.opts.MaxStreams {
		return nil, false
	}
	l.streams++
	l.h.metrics.streams.Set(float64(l.streams))
	if l.shown[p] == nil {
		l.shown[p] = &drawings{}
	}
	l.shown[p].users++
	return l.shown[p], true
}

func (l *live) leave(p page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams--
	l.h.metrics.streams.Set(float64(l.streams))
	if l.shown[p].users--; l.shown[p].users == 0 {
		delete(l.shown, p)
	}
}

// draw is the page as it is now. It is drawn anew only when something changed
// or half a beat went by, and never twice within Pace: an answer whose changed is
// closed is worth asking again after that.
func (l *live) draw(ctx context.Context, p page, d *drawings) (drawn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	age := now.Sub(d.latest.at)
	if !d.latest.at.IsZero() && (age < l.h.opts.Pace || age < l.h.opts.Beat/2 && !closed(d.latest.changed)) {
		return d.latest, nil
	}
	changed := l.h.src.Changed() // before the drawing, so that nothing falls between
	full := d.full.IsZero() || now.Sub(d.full) >= chartPace
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drawLimit) // others wait for it too
	defer cancel()
	c, err := l.h.content(ctx, p, full)
	if err != nil {
		return drawn{}, err
	}
	parts := c.Fragments
	if full {
		d.full = now
	} else {
		parts = slices.Concat(parts, d.latest.parts[len(parts):]) // what is costly comes last and stays
	}
	d.latest = drawn{parts, c.At, now, changed}
	return d.latest, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// serve sends the parts of a page that differ from what the browser shows,
// whenever that changes, until the browser or the server leaves.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	at, err := url.Parse(r.URL.Query().Get("page"))
	if err != nil {
		http.Error(w, "page: "+err.Error(), http.StatusBadRequest)
		return
	}
	p, ok := parsePage(at.Path, at.Query())
	if !ok {
		http.Error(w, fmt.Sprintf("page %q has no stream", at.Path), http.StatusNotFound)
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	p.lang = lang.Parse(r.URL.Query().Get("lang"))
	d, ok := l.enter(p)
	if !ok {
		l.h.metrics.refused.Inc()
		w.Header().Set("Retry-After", "15")
		http.Error(w, "too many live pages; the page itself can still be loaded", http.StatusServiceUnavailable)
		return
	}
	defer l.leave(p)

	now, err := l.draw(r.Context(), p, d)
	if err != nil {
		l.h.fail(w, r, err)
		return
	}
	v := viewer{page: p, d: d, s: newStream(w, r, l.compressors), state: r.URL.Query().Get("v")}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		v.state = last
	}
	if err := l.run(r.Context(), v, now); err != nil {
		l.h.opts.Log.Debug("stream ended", "page", p.address(), "error", err)
	}
}

// viewer is one browser that has a page open.
type viewer struct {
	page
	d     *drawings
	s     *stream
	state string // what the browser shows
}

// run feeds one stream until the browser or the server leaves. An error ends
// it; the browser then comes again by itself. Signs of life are sent only
// while the page can be drawn: without them the browser says that it is stale.
func (l *live) run(ctx context.Context, v viewer, now drawn) error {
	beat := time.NewTicker(l.h.opts.Beat)
	defer beat.Stop()
	for due := true; ; {
		if err := v.update(l.h, now); err != nil {
			return err
		}
		if due {
			if err := v.alive(l.h, now); err != nil {
				return err
			}
			due = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.h.opts.Done:
			return nil
		case <-beat.C:
			due = true
		case <-now.changed:
			select { // not faster than Pace
			case <-ctx.Done():
				return nil
			case <-l.h.opts.Done:
				return nil
			case <-time.After(time.Until(now.at.Add(l.h.opts.Pace))):
			}
		}
		var err error
		if now, err = l.draw(ctx, v.page, v.d); err != nil {
			return err
		}
	}
}

// update sends what the browser does not show yet, if anything.
func (v *viewer) update(h *handler, now drawn) error {
	update := differing(now.parts, v.state)
	if len(update) == 0 {
		return nil
	}
	update["now"] = template.HTML(h.texts[v.lang].instant(now.asOf))
	v.state = seen(now.parts)
	h.metrics.events.Inc()
	return v.s.send(v.state, update)
}

// alive sends a sign of life with the time that the page is true for.
func (v *viewer) alive(h *handler, now drawn) error {
	return v.s.say("beat", h.texts[v.lang].instant(now.asOf))
}

// instant is the time that a page says it is true for.
func (t *renderer) instant(at time.Time) string {
	return t.lang.Clock(at, t.zone) + ", " + t.lang.Date(at, t.zone)
}

// seen names what a browser shows that has all of parts: it is the identity of
// an event, so that any server can tell later what is missing.
func seen(parts []fragment) string {
	sums := make([]string, len(parts))
	for i, f := range parts {
		sums[i] = f.ID + ":" + f.sum
	}
	return strings.Join(sums, ",")
}

// differing are the parts that a browser which has seen state does not show.
func differing(parts []fragment, state string) map[string]template.HTML {
	has := make(map[string]bool)
	for name := range strings.SplitSeq(state, ",") {
		has[name] = true
	}
	update := make(map[string]template.HTML)
	for _, f := range parts {
		if !has[f.ID+":"+f.sum] {
			update[f.ID] = f.HTML
		}
	}
	return update
}
