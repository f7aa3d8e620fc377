package central

import (
	"context"
	"time"
)

// What tests of the package's inside need, for tests alone.

type Admission struct{ a *admission }

func NewAdmission(cfg IngestConfig, now func() time.Time) Admission {
	return Admission{newAdmission(cfg, now)}
}

// Enter is as enter; again is how long to wait when it was not let in.
func (a Admission) Enter(site, lane string) (leave func(int) time.Duration, again time.Duration) {
	leave, err := a.a.enter(site, lane)
	if err != nil {
		return nil, err.(*failure).after
	}
	return leave, 0
}

// KeepSelf stores the centre's own measures as if it were another time.
func (s *Server) KeepSelf(ctx context.Context, at time.Time) error {
	other := *s.self
	other.now = func() time.Time { return at }
	return other.keep(ctx)
}
