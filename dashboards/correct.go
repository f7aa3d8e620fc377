package dashboards

import (
	"net/http"
	"strings"

	"thongsuot"
)

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// correction is the form in which somebody says what an incident was.
type correction struct {
	Path   string
	Causes []thongsuot.Cause
}

func correctionOf(id string) *correction {
	return &correction{incidentPath(id) + "/truth", thongsuot.TrueCauses()}
}

// serveCorrection keeps what a form says that an incident was, and leads back to
// its page. Forms of other origins are refused before.
func (h *handler) serveCorrection(w http.ResponseWriter, r *http.Request) {
	l := language(w, r)
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, l.T("page.correct.bad"), http.StatusBadRequest)
		return
	}
	text := func(name string) string { return strings.Join(strings.Fields(r.PostForm.Get(name)), " ") }
	t := thongsuot.Truth{
		Incident: r.PathValue("id"), Cause: thongsuot.Cause(text("cause")), Who: text("who"), How: thongsuot.HowPage,
		At: h.opts.Now(), Note: text("note"),
	}
	if t.Validate() != nil {
		http.Error(w, l.T("page.correct.bad"), http.StatusBadRequest)
		return
	}
	if err := h.opts.Correct(r.Context(), t); err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, incidentPath(t.Incident), http.StatusSeeOther)
}
