package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// writeLimit is how long a browser may take for one event before its stream is
// given up.
const writeLimit = 20 * time.Second

// stream writes server-sent events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	packed  *packer // nil for a browser that takes no gzip
}

func newStream(w http.ResponseWriter, r *http.Request, compressors *sync.Pool) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy in front must not collect events
	s := &stream{w: w, control: http.NewResponseController(w)}
	if gzips(r) {
		h.Set("Content-Encoding", "gzip")
		s.packed = &packer{compressors: compressors}
	}
	return s
}

// send writes an update with data as JSON; id is what the browser shows then.
func (s *stream) send(id string, data any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // it is read by a JSON parser alone
	if err := enc.Encode(data); err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	return s.write("id: " + id + "\ndata: " + text.String() + "\n") // the JSON ends its line itself
}

// say writes an event of one line of text.
func (s *stream) say(event, line string) error {
	return s.write("event: " + event + "\ndata: " + line + "\n\n")
}

func (s *stream) write(event string) error {
	var out bytes.Buffer
	out.WriteString(event)
	if s.packed != nil {
		s.packed.pack(&out)
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit)) // recorders in tests have none
	if _, err := s.w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("flush an event: %w", err)
	}
	return nil
}
