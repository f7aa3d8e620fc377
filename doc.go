// Package thongsuot is the vocabulary that every part of Thông Suốt shares:
// sites, results of probes, states, causes, incidents and their changes.
//
// It holds words, not work: only the standard library is imported, nothing
// here reads a clock, a file or a socket. Durations that leave the program are
// seconds, ratios lie in 0..1, instants are UTC; a name carries its unit.
package thongsuot
