package incident

// The centre's own check of a site's address, as Trinocular does it (Quan,
// Heidemann, Pradkin 2013): a belief that it is up, moved by each request.
const (
	answersUp   = 0.95  // share of requests that an address which is up answers
	answersDown = 0.001 // that one which is down seems to
	beliefFirst = 0.99
	beliefUp    = 0.9
	beliefDown  = 0.1
)

// reach is what is believed of the site's address.
type reach struct {
	Belief   float64 `json:"belief"`
	Answered bool    `json:"answered,omitempty"` // it has answered while the site was heard, so that no answer says something
}

// add moves the belief by what requests came to.
func (r *reach) add(reached []bool, heard bool) {
	if r.Belief == 0 || heard {
		r.Belief = beliefFirst
	}
	for _, ok := range reached {
		up, down := 1-answersUp, 1-answersDown
		if ok {
			up, down = answersUp, answersDown
			r.Answered = r.Answered || heard
		}
		r.Belief = up * r.Belief / (up*r.Belief + down*(1-r.Belief))
		r.Belief = min(max(r.Belief, 1-beliefFirst), beliefFirst)
	}
}

func (r reach) answer() Answer {
	switch {
	case r.Belief > beliefUp && r.Answered:
		return Yes
	case r.Belief > 0 && r.Belief < beliefDown && r.Answered:
		return No
	default:
		return NotKnown
	}
}
