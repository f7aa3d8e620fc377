package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"path"
	"path/filepath"
	"regexp"

	"thongsuot/lab/demo"
)

// page weighs the overview of a simulated province with a month of incidents,
// as a browser that takes gzip loads it for the first time.
func page(ctx context.Context, b *run) (err error) {
	if err := b.noSource(); err != nil {
		return err
	}
	cfg := demo.DefaultConfig()
	cfg.Units = filepath.Join(b.cfg.Source, "deploy", "registry")
	cfg.Centre.DataDir = filepath.Join(b.dir, "demo")
	if cfg.Centre.Pages.Listen, err = freeAddr(); err != nil {
		return err
	}
	if cfg.Centre.Ingest.Listen, err = freeAddr(); err != nil {
		return err
	}
	d, err := demo.New(ctx, cfg, b.cfg.Version)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	base := "http://" + d.PagesAddr()
	if err := answers(ctx, http.DefaultClient, base+"/healthz"); err != nil {
		return err
	}
	return b.weighPage(ctx, base)
}

var (
	linked = regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`)
	fonts  = regexp.MustCompile(`url\(["']?([^"')]+)["']?\)`)
)

func (b *run) weighPage(ctx context.Context, base string) error {
	text, first, err := fetch(ctx, base+"/")
	if err != nil {
		return err
	}
	whole, pieces, font := first, 1, 0
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		address := html.UnescapeString(m[1])
		body, sent, err := fetch(ctx, base+address)
		if err != nil {
			return err
		}
		first, whole, pieces = first+sent, whole+sent, pieces+1
		for _, f := range fonts.FindAllStringSubmatch(body, -1) {
			_, sent, err := fetch(ctx, base+path.Join(path.Dir(address), f[1]))
			if err != nil {
				return err
			}
			whole, font = whole+sent, font+sent
		}
	}
	note := fmt.Sprintf("%d files, fonts %s kB", pieces, number(float64(font)/1024))
	if font == 0 {
		note += ": this build has none (make assets, with Node)"
	}
	b.add(Figure{What: "overview page, first view, gzip", Value: float64(first) / 1024, Unit: "KiB", Bar: bar(30), Note: "all but fonts"})
	b.add(Figure{What: "overview page, whole, gzip", Value: float64(whole) / 1024, Unit: "KiB", Bar: bar(70), Note: note})
	return nil
}

// fetch loads one file as a browser does, and tells its bytes as sent.
func fetch(ctx context.Context, address string) (text string, sent int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Accept-Encoding", "gzip") // set by hand, so that the body stays as sent
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("%s: %s", address, resp.Status)
	}
	sent = len(body)
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return string(body), sent, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	plain, err := io.ReadAll(z)
	return string(plain), sent, err
}
