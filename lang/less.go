package lang

import (
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// Less reports whether a sorts before b in the Vietnamese order: Đ after D,
// tones after letters, numbers by their value.
func Less(a, b string) bool {
	// A collator keeps buffers, so sharing one would need a lock.
	return collate.New(language.Vietnamese, collate.Numeric).CompareString(a, b) < 0
}
