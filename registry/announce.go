package registry

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// windowTime is how times are written.
const windowTime = "2006-01-02 15:04"

// AddWindow writes an announced window into dir, in the file windows-DAY.csv of
// the day of now, and reports where it is. It is checked by the rules of Load
// against the registry in dirs first; dir is one of them.
func AddWindow(zone *time.Location, dirs []string, dir string, w thongsuot.Window, now time.Time) (Announced, error) {
	r, err := Load(zone, dirs...)
	if err != nil {
		return Announced{}, err
	}
	name := "windows-" + now.In(zone).Format(time.DateOnly) + ".csv"
	path := filepath.Join(dir, name)
	cells := map[string]string{
		"sites": strings.Join(w.Sites, " "), "cause": string(w.Cause), "source": w.Source, "reason": w.Reason,
		"start": w.Start.In(zone).Format(windowTime), "end": w.End.In(zone).Format(windowTime),
	}
	// The same check as on reading, with the sites that are known.
	l := &loader{reg: &Registry{zone: zone}, whole: true, codes: map[string]bool{}}
	for code := range r.rows {
		l.codes[code] = true
	}
	for column := range cells {
		cells[column] = clean(cells[column])
	}
	l.window(row{file: path, cells: cells, faults: &l.faults})
	if err := l.faults.err(); err != nil {
		return Announced{}, err
	}
	added := l.reg.windows[0]
	if slices.ContainsFunc(r.windows, func(o Announced) bool { return o.ID == added.ID }) {
		return Announced{}, fmt.Errorf("this window is announced already (%s)", added.ID)
	}
	if err := appendRow(path, cells); err != nil {
		return Announced{}, fmt.Errorf("announce a window: %w", err)
	}
	return added, nil
}

// appendRow adds a line to a file of windows in one write, so that two who add
// at once both succeed, and makes the file with its header if there is none.
func appendRow(path string, cells map[string]string) error {
	header, comma := slices.Concat(windowSheet.required, windowSheet.optional), ','
	old, err := os.ReadFile(path)
	fresh := errors.Is(err, os.ErrNotExist)
	var out bytes.Buffer
	switch {
	case fresh:
		fmt.Fprintln(&out, strings.Join(header, ","))
	case err != nil:
		return err
	default:
		comma = separator(old)
		first := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(old, []byte("\ufeff"))))
		first.Comma = comma
		if header, err = first.Read(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !bytes.HasSuffix(old, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	record := make([]string, len(header))
	for i, column := range header {
		record[i] = cells[strings.ToLower(clean(column))]
	}
	w := csv.NewWriter(&out)
	w.Comma = comma
	if err := w.Write(record); err != nil {
		return err
	}
	w.Flush()
	flags := os.O_WRONLY | os.O_APPEND
	if fresh {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if fresh && errors.Is(err, os.ErrExist) {
		return appendRow(path, cells) // somebody was faster; now it has its header
	}
	if err != nil {
		return err
	}
	_, err = f.Write(out.Bytes())
	return errors.Join(err, f.Sync(), f.Close())
}

// RemoveWindow takes the window with an ID out of its CSV file and returns it.
// Windows of calendars are refused: the calendar would bring them back.
func RemoveWindow(zone *time.Location, dirs []string, id string) (Announced, error) {
	r, err := Load(zone, dirs...)
	if err != nil {
		return Announced{}, err
	}
	i := slices.IndexFunc(r.windows, func(w Announced) bool { return w.ID == id })
	if i < 0 {
		return Announced{}, fmt.Errorf("no announced window has the ID %q", id)
	}
	w := r.windows[i]
	if strings.EqualFold(filepath.Ext(w.File), calendarExt) {
		return Announced{}, fmt.Errorf("window %s is from the calendar %s: cancel it there and bring the file again", id, w.File)
	}
	raw, err := os.ReadFile(w.File)
	if err != nil {
		return Announced{}, fmt.Errorf("remove window %s: %w", id, err)
	}
	if err := replace(w.File, withoutRecord(raw, w.Line)); err != nil {
		return Announced{}, fmt.Errorf("remove window %s: %w", id, err)
	}
	return w, nil
}

// withoutRecord is a CSV file without the record that begins on a line.
func withoutRecord(raw []byte, line int) []byte {
	mark := []byte("\ufeff")
	body, marked := bytes.CutPrefix(raw, mark)
	reader := csv.NewReader(bytes.NewReader(body))
	reader.FieldsPerRecord, reader.Comma = -1, separator(body)
	for before := int64(0); ; {
		if _, err := reader.Read(); err != nil {
			return raw
		}
		after := reader.InputOffset()
		if at, _ := reader.FieldPos(0); at == line {
			body = slices.Concat(body[:before], body[after:])
			if marked {
				body = slices.Concat(mark, body)
			}
			return body
		}
		before = after
	}
}

// replace writes a file anew: after a crash it is the old or the new one.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".windows-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
