package central

import "time"

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
