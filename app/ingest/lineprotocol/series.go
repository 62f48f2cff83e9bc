package lineprotocol

import (
	"slices"
	"strings"
	"sync/atomic"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
)

// series is the measurement and the tags of a line, with the metrics of its fields.
// It is safe for concurrent use.
type series struct {
	machine     string
	measurement string
	tags        []Tag // all but the machine's, sorted by key; nil without Naming.Tags
	metrics     atomic.Pointer[[]fieldMetric]
}

// fieldMetric is the metric of one field of a series.
type fieldMetric struct{ key, metric string }

// maxSeriesFields is how many metrics a series remembers.
const maxSeriesFields = 256

// metric returns the valid metric of a field, the i-th of its line; reason says why
// it has none. added is how much memory the series now takes besides.
func (r *series) metric(m Mapping, key string, i int) (metric, reason string, added int) {
	known := r.metrics.Load()
	if known != nil {
		list := *known
		if i < len(list) && list[i].key == key {
			return list[i].metric, "", 0
		}
		for i := range list {
			if list[i].key == key {
				return list[i].metric, "", 0
			}
		}
	}
	metric = m.Naming.metric(r.measurement, key, r.tags)
	if m.Earlier.Has != nil {
		if earlier := m.Earlier.Naming.metric(r.measurement, key, r.tags); m.Earlier.Has(r.machine, earlier) {
			metric = earlier
		}
	}
	if err := factory.ValidateName(factory.KindMetric, metric); err != nil {
		return "", ingest.DetailOf(err), 0
	}
	return metric, "", r.remember(known, strings.Clone(key), metric)
}

// remember adds a metric, unless another goroutine has just added one.
func (r *series) remember(known *[]fieldMetric, key, metric string) (added int) {
	list := []fieldMetric(nil)
	if known != nil {
		list = *known
	}
	if len(list) >= maxSeriesFields {
		return 0
	}
	list = append(slices.Clip(list), fieldMetric{key, metric})
	if !r.metrics.CompareAndSwap(known, &list) {
		return 0
	}
	return 2*len(key) + len(metric) + 64
}

// newSeries reads the measurement and the tags of a line; reason says why they are
// no series. A syntax error is left to the scanner.
func (d *Decoder) newSeries(s *Scanner) (r *series, reason string) {
	r = &series{measurement: strings.Clone(s.Measurement())}
	var tag Tag
	var host []Tag
	machines := 0
	for s.Tag(&tag) {
		switch {
		case tag.Key == d.mapping.MachineTag:
			r.machine = strings.Clone(tag.Value)
			machines++
		case tag.Key == hostTag:
			host = append(host, Tag{hostTag, strings.Clone(tag.Value)})
		case d.mapping.Naming.Tags:
			r.tags = append(r.tags, Tag{strings.Clone(tag.Key), strings.Clone(tag.Value)})
		}
	}
	switch {
	case machines > 1, machines == 0 && len(host) > 1:
		return nil, "the tag that names the machine " + ingest.Repeated
	case machines == 0 && len(host) == 0:
		return nil, "no machine: the line has neither the tag " + d.mapping.MachineTag + " nor " + hostTag
	case machines == 0:
		r.machine = host[0].Value
	case d.mapping.Naming.Tags:
		r.tags = append(r.tags, host...)
	}
	slices.SortFunc(r.tags, compareTags)
	for i := range r.tags {
		switch {
		case r.tags[i].Key == measurementLabel:
			return nil, "the tag " + measurementLabel + " is reserved"
		case i > 0 && r.tags[i].Key == r.tags[i-1].Key:
			return nil, "the tag " + r.tags[i].Key + " " + ingest.Repeated
		}
	}
	if err := factory.ValidateName(factory.KindMachine, r.machine); err != nil {
		return nil, ingest.DetailOf(err)
	}
	return r, ""
}
