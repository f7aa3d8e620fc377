package lang

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// verb finds a formatting verb with its flags: "%s", "%[2]d", "%%".
var verb = regexp.MustCompile(`%[-+# 0-9.\[\]]*[a-zA-Z%]`)

// TestCataloguesAgree: both languages say everything, with the same data.
func TestCataloguesAgree(t *testing.T) {
	for name, catalogue := range map[string]map[Lang]map[string]string{"texts": texts, "pageTexts": pageTexts, "alertTexts": alertTexts} {
		for _, key := range slices.Sorted(maps.Keys(catalogue[Vi])) {
			if _, ok := catalogue[En][key]; !ok {
				t.Errorf("%s: %q is missing in English", name, key)
				continue
			}
			vi, en := verbs(catalogue[Vi][key]), verbs(catalogue[En][key])
			if !slices.Equal(vi, en) {
				t.Errorf("%s: %q takes %q in Vietnamese and %q in English", name, key, vi, en)
			}
		}
		for key := range catalogue[En] {
			if _, ok := catalogue[Vi][key]; !ok {
				t.Errorf("%s: %q is missing in Vietnamese", name, key)
			}
		}
	}
	for _, l := range []Lang{Vi, En} {
		for key := range pageTexts[l] {
			if _, ok := texts[l][key]; ok {
				t.Errorf("%q is in texts and in pageTexts", key)
			}
		}
	}
}

// verbs are the verbs of a text that take an argument, in the order of the
// arguments.
func verbs(text string) []string {
	found := verb.FindAllString(text, -1)
	found = slices.DeleteFunc(found, func(v string) bool { return strings.HasSuffix(v, "%") })
	slices.Sort(found) // only explicit indexes may change the order
	return found
}

// TestTextsAreClean: composed letters, no stray space, nothing empty.
func TestTextsAreClean(t *testing.T) {
	for _, catalogue := range []map[Lang]map[string]string{texts, pageTexts, alertTexts} {
		for _, l := range []Lang{Vi, En} {
			for key, text := range catalogue[l] {
				if text == "" || strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
					t.Errorf("%s: %q is empty or has stray spaces: %q", l, key, text)
				}
				if !norm.NFC.IsNormalString(text) {
					t.Errorf("%s: %q is not in form NFC", l, key)
				}
			}
		}
	}
}
