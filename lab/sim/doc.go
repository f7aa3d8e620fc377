// Package sim is a province that does not exist: sites whose power, line and
// portal are functions of a seed, the time and a list of faults. The same three
// give the same results and beats, in any order and however often they are
// asked for; nothing here reads a clock, and nothing is measured.
//
// A simulated site says only what an agent would say. Addresses are those set
// aside for documentation (RFC 5737, RFC 2606), so that none of them is real.
package sim
