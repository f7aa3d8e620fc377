package dashboards

import (
	"embed"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// static is what pages load. Its folder "vendor" comes from npm and is there
// only after a build with Node; pages do without it.
//
//go:embed static
var static embed.FS

// Names of the files that npm brings, within static.
const (
	fontSheet = "vendor/fonts.css"
	plotCode  = "vendor/uplot.js"
	plotSheet = "vendor/uplot.css"
)

// assets are files by name, ready to be sent.
type assets struct{ files map[string]asset }

type asset struct {
	contentType string
	body        []byte
	gzipped     []byte // nil where it would not be smaller
	version     string
}

// loadAssets reads the folder "static" of files.
func loadAssets(files fs.FS) (*assets, error) {
	a := &assets{make(map[string]asset)}
	err := fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f := asset{contentType: contentType(name), body: body, version: digest(body)}
		if z := compress(body); len(z) < len(body)*9/10 {
			f.gzipped = z
		}
		a.files[strings.TrimPrefix(name, "static/")] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what pages load: %w", err)
	}
	return a, nil
}

// contentType does not depend on what the machine knows of file types.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// has reports whether there is a file called name.
func (a *assets) has(name string) bool {
	_, ok := a.files[name]
	return ok
}

// address is where the file called name is loaded from, "" for a file that is
// not there. It changes with the file, so a browser may keep what it has.
func (a *assets) address(name string) string {
	f, ok := a.files[name]
	if !ok {
		return ""
	}
	return "/static/" + name + "?v=" + f.version
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.PathValue("file")]
	if !ok {
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", `W/"`+f.version+`"`)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=86400") // fonts, which their style sheet names without version
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if knows(r, `"`+f.version+`"`) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.gzipped != nil && gzips(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who left does not read the rest
	}
}
