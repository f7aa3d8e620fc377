// Package grafana makes dashboards for Grafana, and the files by which Grafana
// takes them and the source of data over (provisioning). Every chart is asked in
// PromQL for a centre that answers it, and in Flux for an InfluxDB 2 that keeps
// the centre's samples.
package grafana
