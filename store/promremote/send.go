package promremote

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/exp/api/remote"
	writev2 "github.com/prometheus/client_golang/exp/api/remote/genproto/v2"
	"github.com/prometheus/prometheus/prompb"

	"thongsuot"
)

// send writes samples. A batch that the engine refuses is cut in halves until
// only the samples at fault are left; bad is their number.
func (s *Store) send(ctx context.Context, samples []thongsuot.Sample) (bad int, err error) {
	status, err := s.post(ctx, samples)
	switch {
	case err == nil:
		return 0, nil
	case !blamesData(status, err):
		return 0, err // not reached, overloaded, not allowed, a wrong address: the data are not to blame
	case len(samples) == 1:
		s.log.Warn("sample refused by the engine", "metric", samples[0].Metric, "at", samples[0].At, "err", err)
		return 1, nil
	}
	for _, half := range [][]thongsuot.Sample{samples[:len(samples)/2], samples[len(samples)/2:]} {
		n, err := s.send(ctx, half)
		if err != nil {
			return bad, err
		}
		bad += n
	}
	return bad, nil
}

// blamesData reports whether the engine will never take what was sent.
// Prometheus before 2.45 calls what is older than its window a failure of its own.
func blamesData(status int, err error) bool {
	return status == http.StatusBadRequest || status == http.StatusUnprocessableEntity ||
		status == http.StatusInternalServerError && strings.Contains(err.Error(), "too old sample")
}

// post writes in the newest protocol that the engine takes.
func (s *Store) post(ctx context.Context, samples []thongsuot.Sample) (status int, err error) {
	series := group(samples)
	if !s.old.Load() {
		status, err = s.attempt(ctx, remote.WriteV2MessageType, requestV2(series))
		if !unversed(status, err) {
			return status, err
		}
	}
	status, err = s.attempt(ctx, remote.WriteV1MessageType, requestV1(series))
	if err == nil && !s.old.Swap(true) {
		s.log.Info("the engine takes remote write 1.0", "write_url", s.cfg.WriteURL)
	}
	return status, err
}

func (s *Store) attempt(ctx context.Context, kind remote.WriteMessageType, message any) (status int, err error) {
	_, err = s.write.Write(context.WithValue(ctx, statusKey{}, &status), kind, message)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return status, err
}

// unversed reports whether an answer may be that of an engine that does not
// know remote write 2.0: it says so, or takes the bytes for something else.
func unversed(status int, err error) bool {
	if err == nil {
		return false
	}
	return status == http.StatusUnsupportedMediaType || status == http.StatusBadRequest || status/100 == 2
}

// oneSeries are the samples of one series, by time.
type oneSeries struct {
	metric  string
	labels  []thongsuot.Label
	samples []thongsuot.Sample
}

// group collects the samples of each series and sorts them by time, as remote
// write demands. Of several at one time the first counts.
func group(samples []thongsuot.Sample) []oneSeries {
	index := map[string]int{}
	var out []oneSeries
	var key strings.Builder
	for _, s := range samples {
		key.Reset()
		key.WriteString(s.Metric)
		for _, l := range s.Labels {
			key.WriteString("\x00" + l.Name + "\x00" + l.Value)
		}
		i, known := index[key.String()]
		if !known {
			i = len(out)
			index[key.String()] = i
			out = append(out, oneSeries{metric: s.Metric, labels: s.Labels})
		}
		out[i].samples = append(out[i].samples, s)
	}
	for i := range out {
		slices.SortStableFunc(out[i].samples, func(a, b thongsuot.Sample) int { return a.At.Compare(b.At) })
		out[i].samples = slices.CompactFunc(out[i].samples, func(a, b thongsuot.Sample) bool { return a.At.Equal(b.At) })
	}
	return out
}

const metricName = "__name__"

func requestV1(all []oneSeries) *prompb.WriteRequest {
	r := &prompb.WriteRequest{}
	for _, one := range all {
		ts := prompb.TimeSeries{Labels: []prompb.Label{{Name: metricName, Value: one.metric}}}
		for _, l := range one.labels {
			ts.Labels = append(ts.Labels, prompb.Label{Name: l.Name, Value: l.Value})
		}
		slices.SortFunc(ts.Labels, func(a, b prompb.Label) int { return strings.Compare(a.Name, b.Name) })
		for _, s := range one.samples {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: s.At.UnixMilli(), Value: s.Value})
		}
		r.Timeseries = append(r.Timeseries, ts)
	}
	return r
}

func requestV2(all []oneSeries) *writev2.Request {
	table := writev2.NewSymbolTable()
	r := &writev2.Request{}
	for _, one := range all {
		ls := append([]thongsuot.Label{{Name: metricName, Value: one.metric}}, one.labels...)
		slices.SortFunc(ls, func(a, b thongsuot.Label) int { return strings.Compare(a.Name, b.Name) })
		ts := &writev2.TimeSeries{Metadata: &writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_GAUGE}}
		for _, l := range ls {
			ts.LabelsRefs = append(ts.LabelsRefs, table.Symbolize(l.Name), table.Symbolize(l.Value))
		}
		for _, s := range one.samples {
			ts.Samples = append(ts.Samples, &writev2.Sample{Timestamp: s.At.UnixMilli(), Value: s.Value})
		}
		r.Timeseries = append(r.Timeseries, ts)
	}
	r.Symbols = table.Symbols()
	return r
}
