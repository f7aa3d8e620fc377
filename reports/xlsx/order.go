package xlsx

import (
	"archive/zip"
	"bytes"
	"cmp"
	"io"
	"regexp"
	"slices"
)

// contents is the part that lists the others; readers look for it first.
const contents = "[Content_Types].xml"

// entry is one entry of the list; those of defaults come before those of parts.
var entry = regexp.MustCompile(`<(Default|Override) [^>]*></(Default|Override)>`)

// inOrder writes a workbook with its parts, and the list of them, in one order:
// the library takes them as its maps give them.
func inOrder(w io.Writer, workbook []byte) error {
	in, err := zip.NewReader(bytes.NewReader(workbook), int64(len(workbook)))
	if err != nil {
		return err
	}
	parts := slices.Clone(in.File)
	slices.SortFunc(parts, func(a, b *zip.File) int {
		return cmp.Or(cmp.Compare(later(a.Name), later(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	out := zip.NewWriter(w)
	for _, part := range parts {
		if part.Name != contents {
			if err := out.Copy(part); err != nil {
				return err
			}
			continue
		}
		list, err := read(part)
		if err != nil {
			return err
		}
		to, err := out.Create(part.Name)
		if err != nil {
			return err
		}
		if _, err := to.Write(sorted(list)); err != nil {
			return err
		}
	}
	return out.Close()
}

func later(name string) int {
	if name == contents {
		return 0
	}
	return 1
}

func read(part *zip.File) ([]byte, error) {
	r, err := part.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func sorted(list []byte) []byte {
	all := entry.FindAll(list, -1)
	slices.SortFunc(all, bytes.Compare)
	next := 0
	return entry.ReplaceAllFunc(list, func([]byte) []byte {
		next++
		return all[next-1]
	})
}
