// Package year plays a year of a province in virtual time against the real
// incident engine, and compares what the engine held with what truly happened.
//
// The province is made from a seed and from Assumptions: who shares a route and
// a feeder, what breaks when, and what an agent at each site would then have
// said. The engine gets only that: beats that were heard, results as they would
// have arrived, a spool after the return. It sees no label, and the score reads
// only the changes that came out. The same seed and assumptions give the same
// bytes.
//
// Healthy stretches enter as one observation that stands for many; Run with
// Each feeds every beat and round by itself, and gives the same changes.
package year
