// Package reports makes the figures by which planners decide: lost service
// hours by cause, availability, the indices of IEEE 1366, a ranking with its
// uncertainty, and what an upgrade would have saved. It is pure: the same
// input and seed give the same report.
//
// # The accounting
//
// A site is accounted for on the days on which the registry has it installed
// and counted, within the period and up to now. Of those,
//
//   - each instant has one state and one cause. The states are those that were
//     held at the time, the cause and its confidence those of the newest
//     revision: what was found out later holds for the whole incident. What a
//     correction says of the state replaces that in which the incident ended.
//     Where incidents overlap the worse state holds, of equal ones the cause
//     that comes first in power, lan, access, upstream, portal, agent, host,
//     central, unknown;
//   - observed is the time in which the site's agent left samples, also those
//     that it brought later, and the time within an incident whose state is
//     known. All else is blind: in no numerator and in no denominator, and told
//     as coverage beside every figure;
//   - lost service hours are the office hours in which the counter was down,
//     and those in which it was degraded times Config.DegradedWeight. At risk
//     and switched off lose nothing;
//   - an interruption of power or of the line is sustained when longer than
//     five minutes (IEEE 1366; the same in Circular 05/2025/TT-BCT article 15).
//     It belongs to the day on which it began, in its whole length. Of what has
//     no known cause nothing is said to be power or line: it stands beside them;
//   - a regional incident is accounted for by the records of its members;
//   - a unit that was merged into another (Site.Successor) counts for that one,
//     with the hours of its own days: the sum over all units stays the same.
package reports
