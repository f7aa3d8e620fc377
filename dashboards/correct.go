package dashboards

import (
	"context"
	"net/http"
	"strings"

	"thongsuot"
	"thongsuot/lang"
)

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// correction is the form in which somebody says what an incident was.
type correction struct {
	Path   string
	Causes []thongsuot.Cause
	Matrix string // path of the page on how right the findings were; "" for none
}

func (h *handler) correctionOf(id string) *correction {
	c := &correction{Path: incidentPath(id) + "/truth", Causes: thongsuot.TrueCauses()}
	if h.opts.Accuracy != nil {
		c.Matrix = accuracyPath
	}
	return c
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

// accuracyPath is the page that says how right the findings were.
const accuracyPath = "/do-chinh-xac"

// accuracyModel is what its template is given.
type accuracyModel struct {
	thongsuot.Matrix
	lang lang.Lang
}

// comparison is that of one time, with its words.
type comparison struct {
	thongsuot.Comparison
	Title, Brier string
}

func (h *handler) accuracy(ctx context.Context, t *renderer) (accuracyModel, error) {
	m, err := h.opts.Accuracy(ctx)
	return accuracyModel{m, t.lang}, err
}

// Times are the findings while it went on, and the last ones.
func (m accuracyModel) Times() []comparison {
	one := func(c thongsuot.Comparison, title string) comparison {
		return comparison{c, m.lang.T(title), m.lang.Number(c.Brier, 3)}
	}
	return []comparison{one(m.Live, "page.accuracy.live"), one(m.Final, "page.accuracy.final")}
}
