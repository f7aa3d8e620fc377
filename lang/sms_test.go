package lang_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"thongsuot/lang"
)

func TestFoldSMS(t *testing.T) {
	for text, want := range map[string]string{
		"xã Sơn Điền, đặc khu Phú Quý": "xa Son Dien, dac khu Phu Quy",
		"ẤẦẨẪẬ ỳ Ử – “mất điện”…":      `AAAAA y U - "mat dien"...`,
		"số 1 [€] 😀":                   "so 1 [€] ?",
	} {
		if got := lang.FoldSMS(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSegmentsSMS(t *testing.T) {
	for text, want := range map[string]int{
		"": 1, strings.Repeat("a", 160): 1, strings.Repeat("a", 161): 2, strings.Repeat("a", 306): 2, strings.Repeat("a", 307): 3,
		strings.Repeat("[", 80): 1, strings.Repeat("[", 81): 2,
		strings.Repeat("ệ", 70): 1, strings.Repeat("ệ", 71): 2, strings.Repeat("ệ", 134): 2, strings.Repeat("ệ", 135): 3,
		strings.Repeat("😀", 35): 1, strings.Repeat("😀", 36): 2,
	} {
		if got := lang.SegmentsSMS(text); got != want {
			t.Errorf("%d letters %.3q…: got %d, want %d", utf8.RuneCountInString(text), text, got, want)
		}
	}
}

// FuzzSMS: whatever is folded and cut is one message that can be sent as it is.
func FuzzSMS(f *testing.F) {
	f.Add("Kính gửi đồng chí Chủ tịch UBND xã Sơn Điền: mất điện từ 14 giờ 05 phút")
	f.Add(strings.Repeat("[€]ệ", 60))
	f.Fuzz(func(t *testing.T, text string) {
		folded := lang.FoldSMS(text)
		if lang.FoldSMS(folded) != folded {
			t.Errorf("folded again, %q becomes %q", folded, lang.FoldSMS(folded))
		}
		cut := lang.CutSMS(folded)
		if lang.SegmentsSMS(cut) != 1 || len([]rune(cut)) > 160 {
			t.Errorf("%q is more than one message", cut)
		}
	})
}
