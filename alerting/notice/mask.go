package notice

import (
	"strings"
	"unicode/utf8"
)

// Mask is an address or a number of which only so much is left that its owner
// knows it: "v***@xa.gov.vn", "***567".
func Mask(address string) string {
	if name, domain, ok := strings.Cut(address, "@"); ok {
		_, size := utf8.DecodeRuneInString(name)
		return name[:size] + "***@" + domain
	}
	return "***" + address[max(0, len(address)-3):]
}
