package pdf_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"thongsuot/reports"
	"thongsuot/reports/pdf"
	"thongsuot/reports/reportstest"
)

func report(t *testing.T, units int) *reports.Report {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	in, err := reportstest.Province(t.TempDir(), units, time.Date(2026, 1, 1, 0, 0, 0, 0, zone), time.Date(2026, 4, 1, 0, 0, 0, 0, zone))
	if err != nil {
		t.Fatal(err)
	}
	r, err := reports.Make(in, reports.DefaultConfig(), reports.DefaultCosts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Another program reads the text back with its marks, page by page.
func TestTextIsReadBack(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("pdftotext is missing: apt-get install poppler-utils")
		}
		t.Skip("pdftotext is missing: apt-get install poppler-utils")
	}
	r := report(t, 12)
	name := filepath.Join(t.TempDir(), "bao-cao.pdf")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(pdf.Write(f, r, nil), f.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-layout", name, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !norm.NFC.IsNormal(out) {
		t.Error("the text is not in form NFC")
	}
	text := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range []string{r.Title(), "Ẳng Nưa", "Đưng K'Nớ", "Xuân Hương - Đà Lạt", "Giờ phục vụ bị mất", "Thứ tự ưu tiên nâng cấp", "Phương pháp và giả định", "lắp cảm biến nguồn trước", r.Hash[:16]} {
		if !strings.Contains(text, strings.Join(strings.Fields(want), " ")) {
			t.Errorf("the document lacks %q", want)
		}
	}
	pages := strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
	for _, p := range r.Pages() {
		found := 0
		for _, page := range pages {
			if strings.Contains(page, p.Title+" – mã "+p.Code) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s has %d pages of its own, want 1", p.Title, found)
		}
	}
	for i, page := range pages {
		if strings.TrimSpace(page) == "" {
			t.Errorf("page %d is empty", i+1)
		}
	}
}

func TestSameBytes(t *testing.T) {
	var one, two bytes.Buffer
	if err := errors.Join(pdf.Write(&one, report(t, 5), nil), pdf.Write(&two, report(t, 5), nil)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two documents of one report differ")
	}
	if one.Len() > 1<<20 {
		t.Errorf("%d bytes: the font should be a subset", one.Len())
	}
}

func TestCancel(t *testing.T) {
	stop := errors.New("stop")
	if err := pdf.Write(&bytes.Buffer{}, report(t, 2), func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
