package wire

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// LineError is a line that was refused. The others of its body are not touched by it.
type LineError struct {
	Line int // from 1
	Err  error
}

// Error tells the line and what is wrong with it.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives what is wrong with the line.
func (e LineError) Unwrap() error { return e.Err }

// ErrTooMuch refuses a body as a whole, for its lines or its fields.
var ErrTooMuch = errors.New("too much in one write")

// errTooLong is what is wrong with a line of more than MaxLine bytes.
var errTooLong = fmt.Errorf("more than %d bytes", MaxLine)

// Decode reads a body of line protocol. A line without a time gets now. Bad
// lines are returned beside the good points; err is for the whole body.
func Decode(body []byte, precision lineprotocol.Precision, now time.Time) (points []Point, bad []LineError, err error) {
	n := bytes.Count(body, []byte{'\n'})
	if len(body) > 0 && body[len(body)-1] != '\n' {
		n++
	}
	if n > MaxLines {
		return nil, nil, fmt.Errorf("%w: %d lines, at most %d", ErrTooMuch, n, MaxLines)
	}
	c := decoding{precision: precision, now: now}
	if points, ok := c.plain(body, n); ok {
		return points, nil, nil
	}
	return c.careful(body)
}

// decoding holds what is the same for all lines of a body.
type decoding struct {
	precision lineprotocol.Precision
	now       time.Time
	numbers   int // fields so far
}

// plain reads a body in which each of n lines is a good point, as our agents
// and most others write them. ok is false for any other.
func (c *decoding) plain(body []byte, n int) (points []Point, ok bool) {
	for rest := body; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end > MaxLine || end < 0 && len(rest) > MaxLine {
			return nil, false
		}
		rest = rest[end+1:]
		if end < 0 {
			break
		}
	}
	points = make([]Point, 0, n)
	d := lineprotocol.NewDecoderWithBytes(body)
	for d.Next() {
		p, err := c.point(d)
		if err != nil {
			return nil, false
		}
		p.Line = len(points) + 1
		points = append(points, p)
	}
	return points, len(points) == n
}

// careful reads line by line, so that each fault is known by its line and ends
// with it. A text may hold a line's end; a text that does not end would take
// the lines behind it along, so such a line is read alone.
func (c *decoding) careful(body []byte) (points []Point, bad []LineError, err error) {
	c.numbers = 0
	for line := 1; len(body) > 0; {
		size := physical(body)
		entry := body[:size]
		p, found, err := c.one(entry)
		if whole := logical(body); err != nil && whole > size {
			if joined, _, again := c.one(body[:whole]); again == nil {
				p, found, err, entry = joined, true, nil, body[:whole]
			}
		}
		switch {
		case errors.Is(err, ErrTooMuch):
			return nil, nil, err
		case err != nil:
			bad = append(bad, LineError{Line: line, Err: err})
		case found:
			p.Line = line
			points = append(points, p)
		}
		line += bytes.Count(entry, []byte{'\n'})
		body = body[len(entry):]
	}
	return points, bad, nil
}

// one reads one entry; found is false for an empty line or a remark.
func (c *decoding) one(entry []byte) (p Point, found bool, err error) {
	if len(entry) > MaxLine+1 {
		return Point{}, false, errTooLong
	}
	d := lineprotocol.NewDecoderWithBytes(entry)
	if !d.Next() {
		return Point{}, false, nil
	}
	p, err = c.point(d)
	var de *lineprotocol.DecodeError
	if errors.As(err, &de) {
		err = fmt.Errorf("column %d: %w", de.Column, de.Err)
	}
	return p, err == nil, err
}

func (c *decoding) point(d *lineprotocol.Decoder) (Point, error) {
	p, err := decodePoint(d, c.precision, c.now)
	if c.numbers += len(p.Numbers) + len(p.Texts); c.numbers > MaxNumbers {
		return Point{}, fmt.Errorf("%w: at most %d fields", ErrTooMuch, MaxNumbers)
	}
	return p, err
}

// physical is the length of the first line, with its end.
func physical(body []byte) int {
	if end := bytes.IndexByte(body, '\n'); end >= 0 {
		return end + 1
	}
	return len(body)
}

// logical is the length of the first line, with its end, when ends of lines
// within its texts are part of it. A text opens with =" and closes with the
// next quote that has no backslash before it.
func logical(body []byte) int {
	text := false
	for i := 0; i < len(body) && i <= MaxLine; i++ {
		switch {
		case body[i] == '\\':
			i++
		case body[i] == '"' && text:
			text = false
		case body[i] == '"' && i > 0 && body[i-1] == '=':
			text = true
		case body[i] == '\n' && !text:
			return i + 1
		}
	}
	if len(body) > MaxLine {
		return physical(body)
	}
	return len(body)
}
