package real

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// agentRun is one process of an agent, with what it last said of itself.
type agentRun struct {
	program  *program
	began    time.Time
	produced map[string]int // by probe, without those that are thinned on purpose
	gaveUp   int            // results and records lost, by the agent's own counters
	refused  int            // samples that the centre left out
	waiting  int            // records in its spool that were not delivered while they were fresh
}

// counts follows the agents' counters. It is safe for concurrent use.
type counts struct{ mu sync.Mutex }

func (c *counts) began(s *site) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.runs = append(s.runs, &agentRun{program: s.agent, began: time.Now(), produced: map[string]int{}})
}

// readAll reads the counters of all agents that answer.
func (c *counts) readAll(ctx context.Context, sites []*site) {
	var reading sync.WaitGroup
	for _, s := range sites {
		reading.Go(func() { c.read(ctx, s) })
	}
	reading.Wait()
}

var counted = regexp.MustCompile(`^(thongsuot_agent_results_total|thongsuot_agent_results_lost_total|thongsuot_agent_records_dropped_total|thongsuot_agent_spool_dropped_total|thongsuot_agent_samples_refused_total|thongsuot_agent_backlog_records)(?:\{(.*)\})? (\S+)$`)

func (c *counts) read(ctx context.Context, s *site) {
	c.mu.Lock()
	run := s.runs[len(s.runs)-1]
	c.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+agentLocal+"/metrics", nil)
	if err != nil {
		return
	}
	resp, err := s.local.Do(req)
	if err != nil {
		return // off, suspended or starting
	}
	defer resp.Body.Close()
	produced, gaveUp, refused, waiting := map[string]int{}, 0, 0, 0
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		m := counted.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n, _ := strconv.ParseFloat(m[3], 64)
		switch m[1] {
		case "thongsuot_agent_results_total":
			_, rest, _ := strings.Cut(m[2], `probe="`)
			probe, _, _ := strings.Cut(rest, `"`)
			produced[probe] += int(n)
		case "thongsuot_agent_backlog_records":
			waiting = int(n)
		case "thongsuot_agent_samples_refused_total":
			refused += int(n)
		default:
			gaveUp += int(n)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if lines.Err() == nil && run == s.runs[len(s.runs)-1] { // else the machine was started anew in between
		run.produced, run.gaveUp, run.refused, run.waiting = produced, gaveUp, refused, waiting
	}
}

// freshRecords may wait behind the live lane though all is well: those of this moment.
const freshRecords = 2

// backlog is the most records that wait in the spool of one agent.
func (c *counts) backlog(sites []*site) (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range sites {
		most = max(most, s.runs[len(s.runs)-1].waiting)
	}
	return most
}

func (s *site) machineDial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.machine.dial(ctx, network, addr)
}

// Kept says what became of the results of one site: of those probes whose every
// result is to be kept. Power readings are thinned on purpose and left out.
type Kept struct {
	Site      string `json:"site"`
	Produced  int    `json:"produced"`  // as the agent last said, within a second of its end
	Stored    int    `json:"stored"`    // found in the centre's store at the end
	Lost      int    `json:"lost"`      // of agents that ended in order
	Unwritten int    `json:"unwritten"` // of agents that were killed: what was not yet on disk
	Twice     int    `json:"twice"`     // stored twice, with times less than a second apart
	GaveUp    int    `json:"gave_up"`   // lost by the agents' own counters
	Refused   int    `json:"refused"`   // samples that the centre left out, by the agents' own counters
	Dated     Dated  `json:"dated"`
}

// kept are the probes whose results are all kept.
const keptProbes = `icmp|tcp|dns|portal|service|boot|captive|path|fetch`

// kept compares the agents' counters with the store of the centre, which has
// ended.
func (p *province) kept(ctx context.Context, began time.Time) ([]Kept, error) {
	cfg := store.DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes = p.centre.storeDir(), 0
	st, err := store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	defer st.Close()
	var all []Kept
	for _, s := range p.sites {
		query := fmt.Sprintf(`{__name__=~"(%s)_(ok|runs)",%s=%q}[%ds]`, keptProbes, thongsuot.LabelSite, s.code, int(time.Since(began)/time.Second)+int(warmUp/time.Second)+60)
		series, err := st.Instant(ctx, query, time.Now())
		if err != nil {
			return nil, err
		}
		k := s.kept(series)
		if k.Dated, err = s.dated(ctx, st); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// everything is longer than the centre takes samples of the past.
const everything = 60 * 24 * time.Hour

// dated compares all that the store holds of the site's gateway, whatever its
// date, with what the wire saw.
func (s *site) dated(ctx context.Context, st *store.Store) (Dated, error) {
	now := time.Now()
	query := fmt.Sprintf(`icmp_ok{%s=%q,%s=%q}[%ds]`, thongsuot.LabelSite, s.code, thongsuot.LabelProbe, thongsuot.NameGateway, int(everything/time.Second))
	series, err := st.Instant(ctx, query, now.Add(24*time.Hour))
	if err != nil {
		return Dated{}, err
	}
	var points []store.Point
	for _, one := range series {
		points = append(points, one.Points...)
	}
	return s.witness.check(points, now), nil
}

func (s *site) kept(series []store.Series) Kept {
	k := Kept{Site: s.name}
	times := map[string][]time.Time{}      // by probe
	runs := map[string]map[time.Time]int{} // of the results that sum up several
	for _, one := range series {
		for _, l := range one.Labels {
			if l.Name != thongsuot.LabelProbe {
				continue
			}
			if runs[l.Value] == nil {
				runs[l.Value] = map[time.Time]int{}
			}
			for _, pt := range one.Points {
				if strings.HasSuffix(one.Metric, "_"+thongsuot.FieldRuns) {
					runs[l.Value][pt.At] = int(pt.Value)
				} else {
					times[l.Value] = append(times[l.Value], pt.At)
				}
			}
		}
	}
	stands := func(probe string, at time.Time) int { return max(runs[probe][at], 1) }
	for probe, ts := range times {
		slices.SortFunc(ts, time.Time.Compare)
		for i := range ts {
			k.Stored += stands(probe, ts[i])
			if i > 0 && ts[i].Sub(ts[i-1]) < time.Second {
				k.Twice++
			}
		}
	}
	for i, run := range s.runs {
		to := time.Now()
		if i+1 < len(s.runs) {
			to = s.runs[i+1].began
		}
		k.GaveUp += run.gaveUp
		k.Refused += run.refused
		for probe, n := range run.produced {
			if probe == "ups" || probe == "mains" || probe == "agent" {
				continue
			}
			k.Produced += n
			missing := n
			for _, at := range times[probe] {
				if !at.Before(run.began) && at.Before(to) {
					missing -= stands(probe, at)
				}
			}
			switch {
			case missing <= 0:
			case run.program.err == nil:
				k.Lost += missing
			default:
				k.Unwritten += missing
			}
		}
	}
	return k
}
