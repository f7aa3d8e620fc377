package registry

import (
	"errors"
	"fmt"
	"strings"
)

// maxProblems bounds the message of a refused registry: a file with the wrong
// separator has one fault a line, and nobody reads three thousand.
const maxProblems = 20

// maxQuoted bounds a quoted value, in characters.
const maxQuoted = 60

// Problem is one fault in one file. The error of a refused registry joins
// them, in the order of the files and lines.
type Problem struct {
	File   string // path as Load was given it
	Line   int    // counted from 1; 0 when the file as a whole is at fault
	Column string // name in the header; "" when the line or the file is at fault
	Value  string // as read; "" when the value is not the point
	Text   string // the rule that was broken, and what to do
}

// Error is "file:line: column: rule (got "value")".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column != "" {
		fmt.Fprintf(&b, ": %s", cut(p.Column))
	}
	fmt.Fprintf(&b, ": %s", p.Text)
	if p.Value != "" {
		fmt.Fprintf(&b, " (got %q)", cut(p.Value))
	}
	return b.String()
}

// cut shortens a text to maxQuoted characters.
func cut(s string) string {
	n := 0
	for i := range s {
		if n == maxQuoted {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// problems gathers faults, so that one run shows all of them.
type problems []Problem

func (ps *problems) add(p Problem) { *ps = append(*ps, p) }

// err is nil without problems, else the first maxProblems and the number of
// the others.
func (ps problems) err() error {
	shown := ps[:min(len(ps), maxProblems)]
	errs := make([]error, 0, len(shown)+1)
	for _, p := range shown {
		errs = append(errs, p)
	}
	if rest := len(ps) - len(shown); rest > 0 {
		errs = append(errs, fmt.Errorf("and %d more problems", rest))
	}
	return errors.Join(errs...)
}
