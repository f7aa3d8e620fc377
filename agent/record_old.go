package agent

import (
	"math"
	"time"

	"thongsuot"
)

// Records of versions 1 to 3 said the same in more bytes. They are read, never
// written: an update finds them in the spool.

func (d *decoder) oldStamp() (s Stamp) {
	s.Boot = d.string()
	s.Boottime = time.Duration(d.varint())
	s.Wall = time.UnixMilli(d.varint()).UTC()
	if zero := d.varint(); zero != 0 {
		s.Zero = time.UnixMicro(zero).UTC()
	}
	return s
}

func (d *decoder) oldResult(version byte, written time.Duration) (m measured) {
	m.Probe, m.Kind, m.Target = d.string(), thongsuot.ProbeKind(d.string()), d.string()
	if version > 2 {
		m.Line = d.string()
	}
	m.began = written - time.Duration(d.varint())*time.Microsecond
	m.Reason = thongsuot.ReasonOf(int(min(d.uvarint(), math.MaxInt32)))
	m.Detail = d.string()
	for range d.count() {
		f := thongsuot.Field{Name: d.fieldName(d.uvarint())}
		f.Value = d.value(d.byte())
		m.Fields = append(m.Fields, f)
	}
	return m
}
