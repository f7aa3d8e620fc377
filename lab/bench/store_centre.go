package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/store"
	"thongsuot/wire"
)

// centreTaker is our centre: it parses, authorises, judges and stores.
type centreTaker struct {
	*run
	load   *load // that the centre takes in
	day    *load // that is asked for
	addr   string
	tokens []string
	serves *server
	store  *store.Store
}

func (c *centreTaker) folder() string  { return filepath.Join(c.dir, "centre") }
func (c *centreTaker) server() *server { return c.serves }

func (c *centreTaker) open(ctx context.Context) error {
	pages, err := freeAddr()
	if err != nil {
		return err
	}
	if c.addr, err = freeAddr(); err != nil {
		return err
	}
	var sites strings.Builder
	sites.WriteString("code,kind,unit,name,status,carrier,upstream\n")
	for i, code := range c.load.codes {
		fmt.Fprintf(&sites, "%s,commune,commune,Điểm thử %d,active,isp-%d,up-%d\n", code, i+1, i%3+1, i/20+1)
	}
	dir := c.folder()
	// A day in minutes is more than a site may write in the long run.
	config := fmt.Sprintf("data_dir: %[1]s/data\nregistry: [%[1]s/registry]\ningest: {listen: %[2]q, points_per_second: 10000000}\npages: {listen: %[3]q}\n", dir, c.addr, pages)
	for name, text := range map[string]string{"registry/sites.csv": sites.String(), "central.yaml": config} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := c.admit(ctx); err != nil {
		return err
	}
	c.serves, err = startServer(ctx, "http://"+c.addr+wire.PathPing, c.cfg.Central, "run", "-config", filepath.Join(dir, "central.yaml"))
	return err
}

// admit gives every site a token.
func (c *centreTaker) admit(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(c.folder(), "data"), 0o755); err != nil {
		return err
	}
	l, err := ledger.Open(filepath.Join(c.folder(), "data/ledger.db"))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // the centre would not start on a broken one
	for _, code := range c.load.codes {
		token := identity.NewToken()
		key, err := identity.BeatKey(token)
		if err != nil {
			return err
		}
		c.tokens = append(c.tokens, token)
		if err := l.PutToken(ctx, ledger.Token{Hash: identity.Hash(token), Site: code, BeatKey: key, Note: "bench", Created: time.Now()}); err != nil {
			return err
		}
	}
	return nil
}

func (c *centreTaker) request(ctx context.Context, b body, span int) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.addr+wire.PathWrite+"?org=bench&bucket=bench&precision=ms", bytes.NewReader(b.gzip))
	if err != nil {
		return nil, err
	}
	boot := "00000000-0000-4000-a000-00000000" + fmt.Sprintf("%04x", b.site)
	first := uint64(span*b.records + 1)
	h := wire.Header{Boot: boot, Running: boot, Start: 1, Version: "bench", Seq: []wire.SeqRange{{From: first, To: first + uint64(b.records) - 1}}}
	h.Set(req.Header)
	req.Header.Set("Authorization", "Token "+c.tokens[b.site])
	return req, nil
}

// weight asks the folder how many samples each block has. Samples that still
// wait in the log of the newest hours are left out on both sides.
func (c *centreTaker) weight(context.Context) (total int64, samples int, note string, err error) {
	if err := c.Close(); err != nil {
		return 0, 0, "", err
	}
	blocks, err := filepath.Glob(filepath.Join(c.dayFolder(), "*/meta.json"))
	if err != nil {
		return 0, 0, "", err
	}
	for _, file := range blocks {
		var meta struct {
			Stats struct {
				NumSamples int `json:"numSamples"`
			} `json:"stats"`
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &meta)
		}
		if err != nil {
			return 0, 0, "", fmt.Errorf("%s: %w", file, err)
		}
		size, err := weigh(filepath.Dir(file))
		if err != nil {
			return 0, 0, "", err
		}
		total += size
		samples += meta.Stats.NumSamples
	}
	if samples == 0 {
		return 0, 0, "nothing is in a block yet: more hours are needed", nil
	}
	return total, samples, fmt.Sprintf("in %d blocks, index included; the log of the newest hours aside", len(blocks)), nil
}

func (c *centreTaker) dayFolder() string { return filepath.Join(c.dir, "day") }

// opened is a store that has the day, filled at the first call.
func (c *centreTaker) opened(ctx context.Context) (*store.Store, error) {
	if c.store != nil {
		return c.store, nil
	}
	cfg := store.DefaultConfig()
	cfg.Dir, cfg.MinFreeBytes = c.dayFolder(), 0
	var err error
	if c.store, err = store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err != nil {
		return nil, err
	}
	return c.store, c.day.pour(ctx, c.store)
}

func (c *centreTaker) chart(ctx context.Context, site string) (int, error) {
	st, err := c.opened(ctx)
	if err != nil {
		return 0, err
	}
	selector := store.Selector(chartMetric, thongsuot.Label{Name: thongsuot.LabelSite, Value: site}, thongsuot.Label{Name: thongsuot.LabelProbe, Value: chartProbe})
	got, err := st.Range(ctx, fmt.Sprintf("avg_over_time(%s[2m])", selector), c.day.to.Add(-24*time.Hour), c.day.to, chartStep)
	if err != nil || len(got) != 1 {
		return 0, err
	}
	return len(got[0].Points), nil
}

func (c *centreTaker) portal(ctx context.Context) (int, error) {
	st, err := c.opened(ctx)
	if err != nil {
		return 0, err
	}
	got, err := st.Instant(ctx, "quantile_over_time(0.95, "+portalMetric+"[1d])", c.day.to)
	return len(got), err
}

// Close closes what was opened for the questions.
func (c *centreTaker) Close() error {
	if c.store == nil {
		return nil
	}
	return c.store.Close()
}
