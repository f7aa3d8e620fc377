package reports

import (
	"strconv"
	"strings"
	"time"

	"thongsuot/lang"
)

// The report speaks Vietnamese: it is a document of a Vietnamese office.
const vi = lang.Vi

func percent(ratio float64) string { return vi.Percent(ratio, 1) }

func whole(n int) string { return strconv.Itoa(n) }

// hours are hours with one decimal, as tables show them.
func hours(d time.Duration) float64 { return d.Hours() }

func lower(title string) string { return strings.ToLower(title) }
