package alerting

import (
	"slices"

	"thongsuot"
)

// Audience says whom a verdict concerns, before any hold: operations learn of
// everything that is wrong; a chair learns, in office hours, of what stops the
// counter of the commune and is not announced. What lies with the portal, the
// carrier's way to it, our own box or the centre is operations' affair, and a
// site that is merely slow is in the daily digest.
func Audience(v thongsuot.Verdict, officeHours bool) []thongsuot.Role {
	if v.State == thongsuot.StateUp || v.State == thongsuot.StateOff {
		return nil
	}
	roles := []thongsuot.Role{thongsuot.RoleOperations}
	if officeHours && !v.Planned && stopsCounter(v) {
		roles = append(roles, thongsuot.RoleChair)
	}
	return roles
}

func stopsCounter(v thongsuot.Verdict) bool {
	if v.State != thongsuot.StateDown && v.State != thongsuot.StateAtRisk {
		return false
	}
	if voted(v) {
		return false // one digest for all, not a notice for each
	}
	switch v.Cause {
	case thongsuot.CausePower, thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CauseUnknown:
		return true
	default:
		return false
	}
}

// voted reports whether the verdict rests on what all sites see together.
func voted(v thongsuot.Verdict) bool {
	return slices.ContainsFunc(v.Evidence, func(e thongsuot.Evidence) bool { return e.Code == thongsuot.EvidencePortalVote })
}
