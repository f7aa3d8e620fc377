package registry

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// sheet is the form of one kind of file: its name and its columns. Every
// sheet may have a column "note", which is for people only.
type sheet struct {
	name     string
	required []string
	optional []string
}

// columnNote is the column that every sheet may have.
const columnNote = "note"

func (s sheet) columns() []string {
	return slices.Concat(s.required, s.optional, []string{columnNote})
}

// row is one line of a file. Cells are cleaned: NFC, trimmed, runs of white
// space made one space.
type row struct {
	file         string
	line         int
	decimalComma bool
	cells        map[string]string
	faults       *problems

	names map[string]string // of columns, where the file calls them otherwise; nil where not
	lines map[string]int    // of those, where they do not all stand on line
}

// read parses one file. Whole is false where lines are missing from the rows
// because they could not be parsed: what refers to them cannot be judged.
func (s sheet) read(path string, faults *problems) (rows []row, whole bool) {
	fault := func(line int, column, value, text string) {
		faults.add(Problem{File: path, Line: line, Column: column, Value: value, Text: text})
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		fault(0, "", "", withoutPath(err).Error())
		return nil, false
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // Excel's "CSV UTF-8" begins with a byte order mark
	if at, ok := notUTF8(raw); ok {
		line := 1 + bytes.Count(raw[:at], []byte("\n"))
		fault(line, "", "", fmt.Sprintf("byte 0x%02x is not UTF-8; save the file as \"CSV UTF-8\"", raw[at]))
		return nil, false
	}
	reader := csv.NewReader(bytes.NewReader(raw))
	reader.FieldsPerRecord = -1 // spreadsheets leave out empty cells at the end of a line
	reader.Comma = separator(raw)

	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		fault(0, "", "", "is empty; the first line must name the columns: "+strings.Join(s.columns(), ","))
		return nil, false
	}
	if err != nil {
		line, text := quoting(err)
		fault(line, "", "", text)
		return nil, false
	}
	headerLine, _ := reader.FieldPos(0)
	for i := range header {
		header[i] = strings.ToLower(clean(header[i]))
	}
	if !s.checkHeader(header, func(column, value, text string) { fault(headerLine, column, value, text) }) {
		return nil, false
	}
	return readRows(reader, path, header, faults)
}

// readRows parses what follows the header.
func readRows(reader *csv.Reader, path string, header []string, faults *problems) (rows []row, whole bool) {
	whole = true
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, whole
		}
		if err != nil {
			line, text := quoting(err)
			faults.add(Problem{File: path, Line: line, Text: text})
			whole = false
			continue
		}
		line, _ := reader.FieldPos(0)
		r := row{file: path, line: line, decimalComma: reader.Comma == ';', faults: faults}
		if r.fill(header, record) {
			rows = append(rows, r)
		}
	}
}

// withoutPath is an error of a file without the path, which the problem names.
func withoutPath(err error) error {
	if pathErr := (*os.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// checkHeader reports whether the columns are those of the sheet.
func (s sheet) checkHeader(header []string, fault func(column, value, text string)) bool {
	ok := true
	known := s.columns()
	for i, name := range header {
		switch {
		case name == "": // a column that the spreadsheet added; its cells must be empty
		case !slices.Contains(known, name):
			fault("", name, "unknown column; the columns of "+s.name+" are "+strings.Join(known, ","))
			ok = false
		case slices.Contains(header[:i], name):
			fault(name, "", "column stands twice in the header")
			ok = false
		}
	}
	for _, name := range s.required {
		if !slices.Contains(header, name) {
			fault(name, "", "column is missing from the header")
			ok = false
		}
	}
	return ok
}

// fill takes the cells of a record, and reports whether any holds something.
func (r *row) fill(header, record []string) (something bool) {
	r.cells = make(map[string]string, len(header))
	for i, cell := range record {
		cell = clean(cell)
		if cell == "" {
			continue
		}
		something = true
		if i >= len(header) || header[i] == "" {
			r.faults.add(Problem{File: r.file, Line: r.line, Value: cell, Text: fmt.Sprintf("cell %d has no column in the header", i+1)})
			continue
		}
		r.cells[header[i]] = cell
		if at := strings.IndexFunc(cell, invisible); at >= 0 {
			c, _ := utf8.DecodeRuneInString(cell[at:])
			r.fault(header[i], "has the invisible character %U; type the cell again", c)
		}
	}
	return something
}

// clean makes texts comparable: the same letters typed on two systems differ
// in Unicode form, and copied cells bring no-break spaces and line ends.
func clean(s string) string {
	return norm.NFC.String(strings.Join(strings.Fields(s), " "))
}

func invisible(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }

// notUTF8 finds the first byte that is not part of a character.
func notUTF8(raw []byte) (at int, found bool) {
	for at < len(raw) {
		c, size := utf8.DecodeRune(raw[at:])
		if c == utf8.RuneError && size == 1 {
			return at, true
		}
		at += size
	}
	return 0, false
}

// separator is the semicolon where the header has one: a spreadsheet set to a
// decimal comma, as in Việt Nam, separates cells so.
func separator(raw []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(raw, "\r\n"), []byte("\n"))
	if bytes.ContainsRune(header, ';') {
		return ';'
	}
	return ','
}

// quoting words an error of the CSV reader for somebody who edits by hand. The
// line is that on which the record begins.
func quoting(err error) (line int, text string) {
	parse := (*csv.ParseError)(nil)
	if !errors.As(err, &parse) {
		return 0, err.Error()
	}
	if parse.Line != parse.StartLine {
		return parse.StartLine, fmt.Sprintf("a cell opened with \" is not closed by line %d; write a \" inside a cell as \"\"", parse.Line)
	}
	return parse.Line, fmt.Sprintf("%v; put the whole cell in \" and write a \" inside it as \"\"", parse.Err)
}
