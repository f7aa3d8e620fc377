// Package store keeps the samples of all sites in an embedded Prometheus TSDB
// and answers PromQL over them.
//
// # Durability
//
// When Append returns nil, every sample it did not refuse is in a write-ahead
// log on the device: it survives the end of the process and a power cut. The
// TSDB itself syncs a segment only when it is full; batches that end at the
// same time share one sync. When Append returns an error nothing of the batch
// may be acknowledged.
//
// Late samples are, besides, kept in a log of the store's own (the folder late)
// until they are in a block, because the TSDB can forget them at a restart. What
// it forgot is appended again when the store is opened, and counted in
// thongsuot_store_late_samples_restored_total.
//
// # Idempotence
//
// A series has one value at one time, for ever. Appending the same sample again
// changes nothing and is no error; another value at a time already taken is
// refused. Times are kept in milliseconds.
//
// # What is refused
//
// One bad sample never fails its batch. Samples are refused, and counted in
// thongsuot_store_samples_refused_total by reason, when
//
//   - invalid_name: the metric or a label has a name outside
//     [a-zA-Z_][a-zA-Z0-9_]* (so that every PromQL engine can ask for it), a
//     reserved name (__…), a name twice, or a value that is not UTF-8 or longer
//     than 1 KiB;
//   - not_finite: the value is NaN or infinite. What could not be measured is
//     not stored. In particular no stale marker, which is a NaN, can be brought
//     in from outside to hide a series;
//   - too_old: older than the out-of-order window;
//   - too_new: more than 10 minutes ahead of the clock of this machine;
//   - before_product: before 1 July 2025;
//   - conflict: the series has another value at that time.
//
// # Precision
//
// Values of metrics ending in _seconds, but not in _timestamp_seconds, are
// rounded to multiples of 2^-20, about a microsecond, and of those ending in
// _ratio to multiples of 2^-10: see [Quantise].
//
// # Queries
//
// An instant takes the newest sample of the last 2 min 30 s (Config.Lookback):
// probes run every 10 to 60 seconds, so one or two missed rounds leave a line
// whole, and a real silence shows as a gap. Series that are slower than a round
// a minute need last_over_time(…[15m]). A query is bounded in time, in samples
// and in points (Config); a subquery in a million steps.
//
// # Roll-ups
//
// Windows for which no sample can come late any more are summed up into figures
// that outlive the samples ([Rollup]). Read takes them where they say the same,
// and where the samples are gone; PromQL finds them as metric:figure_1h.
//
// # Concurrency
//
// All methods may be called at the same time. Batches are written one after
// another. One process at a time has the folder open.
package store
