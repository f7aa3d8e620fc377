package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

const (
	// sparingPages is how often pages of others are asked on a slow line or one
	// that is paid by volume.
	sparingPages = 5 * time.Minute
	// mostPages bounds what the centre may ask for.
	mostPages = 15 * time.Minute
	// slowLine is below what pages load a line by more than their worth, in bit/s.
	slowLine = 1e6
	// sparingMinutes of quiet results cross at once where bytes are paid for: what
	// is older than three counts as evidence of its own time alone.
	sparingMinutes = 2
)

// manners are how sparingly a site asks and posts, by what is known now of its
// line and of how many others ask the same servers. Its zero value knows nothing.
type manners struct {
	metered atomic.Bool
	slow    atomic.Bool  // as configured
	thin    atomic.Bool  // as measured last night
	pages   atomic.Int64 // pace of pages that the centre asks for
	mark    string       // file that is there while the line is thin; "" keeps none
}

// recall takes up what an earlier run measured.
func (m *manners) recall(dataDir string) {
	m.mark = filepath.Join(dataDir, "thin-line")
	_, err := os.Stat(m.mark)
	m.thin.Store(err == nil)
}

// every is the pace of a probe now.
func (m *manners) every(p probes.Probe) time.Duration {
	switch {
	case p.Public:
		return max(p.Every, m.pageEvery())
	case m.metered.Load() && p.Line == "" && overLine(p):
		return max(p.Every, sparingEvery)
	default:
		return p.Every
	}
}

// pageEvery is the fastest that pages of others are asked, 0 for as configured.
func (m *manners) pageEvery() time.Duration {
	asked := min(time.Duration(m.pages.Load()), mostPages)
	if m.metered.Load() || m.slow.Load() || m.thin.Load() {
		return max(asked, sparingPages)
	}
	return asked
}

// overLine reports whether a probe's packets leave the office.
func overLine(p probes.Probe) bool {
	switch p.Kind {
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbeCaptive:
		return !strings.HasPrefix(p.Name, thongsuot.NameGateway)
	default:
		return false
	}
}

// minutes of quiet results cross in one post.
func (m *manners) minutes() int64 {
	if m.metered.Load() {
		return sparingMinutes
	}
	return 1
}

// learn takes the throughput of the machine's own way from a result.
func (m *manners) learn(r thongsuot.Result) {
	rate, ok := r.Field(thongsuot.FieldDownRate)
	if !ok || !r.OK() || r.Kind != thongsuot.ProbeFetch || r.Line != "" {
		return
	}
	m.thin.Store(rate < slowLine)
	// What is not kept is measured again in the next night.
	if rate < slowLine && m.mark != "" {
		_ = os.WriteFile(m.mark, nil, 0o600)
	} else if m.mark != "" {
		_ = os.Remove(m.mark)
	}
}
