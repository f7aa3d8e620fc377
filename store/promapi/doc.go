// Package promapi serves the part of Prometheus' HTTP API that Grafana's data
// source of that name, promtool and other clients use: query, query_range,
// series, labels, label values, metadata, rules, alerts and build information,
// by GET or by POST of a form. Answers and errors have the shape and the words
// of Prometheus 3 (https://prometheus.io/docs/prometheus/latest/querying/api/).
//
// Whoever asks must present a token for reading. A query is bounded in time,
// points and samples; so many run at once and no more, and one whose asker was
// already answered with a time-out still counts until it has really ended.
package promapi
