package dashboards

import (
	"bytes"
	"compress/flate"
	"sync"
)

// packer turns events into one gzip stream (RFC 1952) without holding a
// compressor, some 800 kB each, for every page that is open: each event is
// deflated on its own, ended by a flush, and follows the one before as the next
// blocks of the same stream (RFC 1951). The stream never ends properly; no
// stream of events does.
type packer struct {
	compressors *sync.Pool // of *flate.Writer
	begun       bool
}

// newCompressors is a pool of compressors for all streams.
func newCompressors() *sync.Pool {
	return &sync.Pool{New: func() any {
		z, err := flate.NewWriter(nil, flate.DefaultCompression)
		if err != nil {
			panic(err) // BUG: the level is valid
		}
		return z
	}}
}

// header is that of a gzip member without name or time.
const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// pack replaces the event in buf by its compressed form.
func (p *packer) pack(buf *bytes.Buffer) {
	var out bytes.Buffer
	if !p.begun {
		out.WriteString(header)
		p.begun = true
	}
	z := p.compressors.Get().(*flate.Writer)
	z.Reset(&out)               // forgets what went before: blocks stand alone
	_, _ = z.Write(buf.Bytes()) // a buffer takes everything
	_ = z.Flush()
	p.compressors.Put(z)
	*buf = out
}
