package lang

import (
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

// Bounds of an SMS by 3GPP TS 23.038 and 23.040: one message holds 160 septets
// or 70 UTF-16 units, and a part of a longer one 153 or 67.
const (
	smsSeptets, smsSeptetsPart = 160, 153
	smsUnits, smsUnitsPart     = 70, 67
)

// gsmBasic is the GSM 7-bit default alphabet, but the escape; gsmExtended takes
// two septets a letter.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// punctuation is what typesetting has and the alphabet has not.
var punctuation = strings.NewReplacer("đ", "d", "Đ", "D", "–", "-", "—", "-", "“", `"`, "”", `"`, "‘", "'", "’", "'", "…", "...", "•", "-", "·", "-", "≥", ">=", "≤", "<=", "\u00a0", " ")

// FoldSMS is text without accents, in letters of the GSM 7-bit default
// alphabet: "xã Sơn Điền" becomes "xa Son Dien". What has no likeness there
// becomes "?".
func FoldSMS(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(punctuation.Replace(text)) {
		switch {
		case unicode.Is(unicode.Mn, r): // an accent
		case strings.ContainsRune(gsmBasic, r), strings.ContainsRune(gsmExtended, r):
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// SegmentsSMS is how many messages the text is charged as.
func SegmentsSMS(text string) int {
	septets := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			septets++
		case strings.ContainsRune(gsmExtended, r):
			septets += 2
		default:
			return parts(len(utf16.Encode([]rune(text))), smsUnits, smsUnitsPart)
		}
	}
	return parts(septets, smsSeptets, smsSeptetsPart)
}

func parts(n, one, part int) int {
	if n <= one {
		return 1
	}
	return (n + part - 1) / part
}

// CutSMS is as much of text as one message takes, with "..." for the rest.
func CutSMS(text string) string {
	if SegmentsSMS(text) == 1 {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && SegmentsSMS(string(runes)+"...") > 1 {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,;:-") + "..."
}
