// Package lang puts the program's words, numbers and times into Vietnamese
// and English, and sorts names the Vietnamese way.
//
// Texts are in Unicode form NFC. Words begin in lower case, so that they fit
// into a sentence. The catalogue is fixed at build time and complete in both
// languages; everything here is pure and safe for concurrent use.
package lang

import (
	"fmt"
	"strings"
)

// Lang is a language that people are spoken to in.
type Lang string

// The languages.
const (
	Vi Lang = "vi"
	En Lang = "en"
)

// Parse reads a language tag: English for "en" and its regions ("en-GB"),
// Vietnamese for everything else.
func Parse(s string) Lang {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "en" || strings.HasPrefix(s, "en-") || strings.HasPrefix(s, "en_") {
		return En
	}
	return Vi
}

// T is the text of key with args in the places of its verbs, which are those
// of package fmt; without args the text is returned as it stands. An unknown
// key is returned as "⟦key⟧", so that a page shows what is missing and lives.
func (l Lang) T(key string, args ...any) string {
	text, ok := l.lookup(key)
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// texts is the catalogue of everything that not only pages say.
var texts = map[Lang]map[string]string{Vi: vietnamese, En: english}

func (l Lang) lookup(key string) (string, bool) {
	l = l.known()
	if text, ok := texts[l][key]; ok {
		return text, true
	}
	if text, ok := alertTexts[l][key]; ok {
		return text, true
	}
	text, ok := pageTexts[l][key]
	return text, ok
}

// known is l, or Vietnamese for a language we do not have.
func (l Lang) known() Lang {
	if l == En {
		return En
	}
	return Vi
}
