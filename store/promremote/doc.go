// Package promremote keeps samples in an engine that speaks Prometheus' remote
// write and query API: VictoriaMetrics (single or cluster), Thanos, Mimir,
// Prometheus itself. It is what a centre uses when one machine is not enough.
//
// Append answers only after the engine did; an engine that cannot be reached,
// is overloaded or refuses everything makes Append fail, so that agents keep
// what they offered: nothing waits in memory here. Remote write 2.0 is spoken
// where the engine takes it, else 1.0. A batch that the engine refuses is cut
// in halves until the samples at fault are found; they are counted.
//
// Some engines acknowledge before they are durable. What they acknowledged of
// late is remembered here and offered again when a connection was lost, which
// is how a restart of the engine shows; the same sample twice does no harm.
package promremote
