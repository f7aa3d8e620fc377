package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"thongsuot/ledger"
	"thongsuot/reports"
	"thongsuot/reports/pdf"
	"thongsuot/reports/reportstest"
	"thongsuot/reports/xlsx"
)

// planners makes the report on a year of a province, from a ledger on disk to
// the files. When the sites were observed is given: reading that from the store
// is not in the figure.
func planners(ctx context.Context, b *run) error {
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		return err
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, zone)
	in, err := reportstest.Province(b.dir, 124, from, from.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "report.db")
	l, err := ledger.Open(file)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, h := range in.Histories {
		if err := l.Record(ctx, h); err != nil {
			return err
		}
	}
	begin := time.Now()
	incidents := len(in.Histories)
	if in.Histories, err = l.Histories(ctx, in.From, in.To); err != nil {
		return err
	}
	r, err := reports.Make(in, reports.DefaultConfig(), reports.DefaultCosts(), func(float64) error { return ctx.Err() })
	if err != nil {
		return err
	}
	formats := map[string]func(io.Writer) error{
		"report.pdf":  func(w io.Writer) error { return pdf.Write(w, r, ctx.Err) },
		"report.xlsx": func(w io.Writer) error { return xlsx.Write(w, r) },
		"report.html": r.HTML,
	}
	for _, t := range r.Tables() {
		formats[t.Name+".csv"] = func(w io.Writer) error { return t.CSV(w, zone) }
	}
	for name, write := range formats {
		f, err := os.Create(filepath.Join(b.dir, name))
		if err != nil {
			return err
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			return err
		}
	}
	b.add(Figure{What: "planners' report on a year of 124 communes, all formats", Value: time.Since(begin).Seconds(), Unit: "s", Bar: bar(5),
		Note: fmt.Sprintf("%d incidents from the ledger; coverage given", incidents)})
	return nil
}
