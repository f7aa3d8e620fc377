package store

import (
	"strconv"
	"strings"

	"thongsuot"
)

// Selector is the PromQL selector of the series of metric that carry all the
// labels. Names and values may hold any bytes: nothing in them is read as
// PromQL. An empty value selects series without the label.
func Selector(metric string, labels ...thongsuot.Label) string {
	var b strings.Builder
	b.WriteString("{__name__=")
	b.WriteString(strconv.Quote(metric))
	for _, l := range labels {
		b.WriteByte(',')
		if validName(l.Name) {
			b.WriteString(l.Name)
		} else {
			b.WriteString(strconv.Quote(l.Name))
		}
		b.WriteByte('=')
		b.WriteString(strconv.Quote(l.Value))
	}
	b.WriteByte('}')
	return b.String()
}
