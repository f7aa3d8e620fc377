// Package influx keeps samples in an InfluxDB 2, written and read (in Flux) by
// its own client. The metric is the measurement, labels are tags, and the value
// is in the field "value".
//
// Append returns when InfluxDB has answered; nothing waits in a buffer of the
// client, so that a full or absent InfluxDB is felt by the agents, which keep
// their spools. InfluxDB syncs its log before it answers.
//
// A series has one value at one time; of two the later one stays.
package influx
