package central

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"thongsuot/wire"
)

// quarantineBytes is half of what is kept of one site's refused lines.
const quarantineBytes = 5 << 20

// quarantine keeps the lines that were refused, as they came and with the
// reason, so that an operator can see what a site tried to say: a file for each
// site, and the one before it.
type quarantine struct {
	dir string
	now func() time.Time
	mu  sync.Mutex
}

// keep adds lines of a body of a site. The files are for people: they are not
// synced, and nothing reads them back.
func (q *quarantine) keep(site string, body []byte, bad []wire.LineError) error {
	if len(bad) == 0 {
		return nil
	}
	var b strings.Builder
	all := strings.Split(string(body), "\n")
	for _, e := range bad {
		line := ""
		if e.Line <= len(all) {
			line = all[e.Line-1]
		}
		if len(line) > wire.MaxLine {
			line = strings.ToValidUTF8(line[:wire.MaxLine], "") + "…"
		}
		fmt.Fprintf(&b, "# %s %q\n%s\n", q.now().UTC().Format(time.RFC3339), e.Err.Error(), line)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.add(filepath.Join(q.dir, site+".lp"), b.String()); err != nil {
		return fmt.Errorf("refused lines of site %s not kept: %w", site, err)
	}
	return nil
}

func (q *quarantine) add(file, text string) error {
	if err := os.MkdirAll(q.dir, 0o750); err != nil {
		return err
	}
	if info, err := os.Stat(file); err == nil && info.Size()+int64(len(text)) > quarantineBytes {
		if err := os.Rename(file, file+".before"); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
