package central

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"thongsuot/wire"
)

const (
	slowest   = 1 << 10  // bytes a second: what a weak line still carries
	maxBodies = 64 << 20 // bytes of all bodies that are being received
)

// intake reads bodies: slowly from honest weak lines, but not for ever, and
// never more at a time than there is room for.
type intake struct {
	patience time.Duration
	held     atomic.Int64 // bytes of all bodies in hand, as received
}

// receive reads a body as it comes over the wire. Who got one calls release
// when it is not needed any more.
func (in *intake) receive(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	src := &bodyReader{
		intake: in, from: http.MaxBytesReader(w, r.Body, wire.MaxBody), control: http.NewResponseController(w), began: time.Now(),
	}
	release = func() { in.held.Add(-src.received) }
	if r.ContentLength > wire.MaxBody {
		return nil, release, bodyFailure(&http.MaxBytesError{Limit: wire.MaxBody})
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, 16<<10)) + bytes.MinRead) // more once it comes
	}
	if _, err := buf.ReadFrom(src); err != nil {
		return nil, release, bodyFailure(err)
	}
	return buf.Bytes(), release, nil
}

// bodyReader gives the client a second for each KiB beside the patience.
type bodyReader struct {
	intake   *intake
	from     io.Reader
	control  *http.ResponseController
	began    time.Time
	received int64
}

var errFull = errors.New("no room for more bodies")

// Read reads on, or ends what is too slow or too much.
func (b *bodyReader) Read(p []byte) (int, error) {
	limit := b.began.Add(b.intake.patience + time.Duration(b.received)*time.Second/slowest)
	if err := b.control.SetReadDeadline(limit); err != nil {
		return 0, fmt.Errorf("limit the time of a body: %w", err)
	}
	n, err := b.from.Read(p)
	b.received += int64(n)
	if b.intake.held.Add(int64(n)) > maxBodies {
		return n, errFull
	}
	return n, err
}

// inflate undoes the encoding of a body, and stops at the limit before it has
// taken the memory.
func inflate(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, bodyFailure(err)
		}
		var buf bytes.Buffer
		n, err := buf.ReadFrom(io.LimitReader(z, wire.MaxDecoded+1))
		if err != nil {
			return nil, bodyFailure(err)
		}
		if n > wire.MaxDecoded {
			return nil, tooLarge("body of more than %d bytes after decompression", wire.MaxDecoded)
		}
		body = buf.Bytes()
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "invalid", "bad_body", "content encoding %q is not taken; send gzip or none", encoding)
	}
	if len(body) == 0 {
		return nil, refuse(http.StatusBadRequest, "invalid", "bad_body", "the body is empty")
	}
	return body, nil
}

func tooLarge(format string, args ...any) *failure {
	return refuse(http.StatusRequestEntityTooLarge, "request too large", "too_large", format, args...)
}

func bodyFailure(err error) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge("body of more than %d bytes; split it", over.Limit)
	case errors.Is(err, errFull):
		return tooMany("busy", retryLater, "the centre is busy receiving")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "request timeout", "slow", "the body came too slowly; send less at a time")
	default:
		return refuse(http.StatusBadRequest, "invalid", "bad_body", "body cannot be read: %v", err)
	}
}
