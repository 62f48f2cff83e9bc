package plant

import (
	"errors"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// page reads a page of one metric.
func (l *recordLoader) page(metric string, from, to int64, limit int, cursor string) (factory.HistoryPage, error) {
	page, err := l.store.History(l.ctx, factory.HistoryQuery{Machine: l.machine, Metrics: []string{metric}, From: from, To: to, Limit: limit, Cursor: cursor})
	if errors.Is(err, factory.ErrNotFound) {
		return factory.HistoryPage{}, nil // registered, but without readings
	}
	return page, err
}

// samplesOf returns the readings of a page of one metric in order of time.
func samplesOf(page factory.HistoryPage) []timeline.Sample {
	if len(page.Series) == 0 {
		return nil
	}
	points, texts := page.Series[0].Points, page.Series[0].Texts
	samples := make([]timeline.Sample, 0, len(points)+len(texts))
	for len(points) > 0 || len(texts) > 0 {
		if len(texts) == 0 || len(points) > 0 && points[0].ObservedAt <= texts[0].ObservedAt {
			samples = append(samples, timeline.Sample{ObservedAt: points[0].ObservedAt, Number: points[0].Value})
			points = points[1:]
		} else {
			samples = append(samples, timeline.Sample{ObservedAt: texts[0].ObservedAt, IsText: true, Text: texts[0].Value})
			texts = texts[1:]
		}
	}
	return samples
}

// eachSample reads the readings of a metric from from to to, and before them at least
// the last context ones, in order of time.
func (l *recordLoader) eachSample(metric string, from, to int64, context int, yield func(timeline.Sample)) error {
	before, err := l.samplesBefore(metric, from, context)
	if err != nil {
		return err
	}
	emit := func(samples []timeline.Sample) {
		for _, s := range samples {
			yield(s)
		}
		l.sawSamples(samples)
	}
	emit(before)
	cursor := ""
	for {
		page, err := l.page(metric, from, to, recordPage, cursor)
		if err != nil {
			return err
		}
		emit(samplesOf(page))
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}

// samplesBefore returns at least the last n readings of a metric before a time, or all
// if there are fewer. It looks into spans of time that grow until they hold enough.
func (l *recordLoader) samplesBefore(metric string, before int64, n int) (samples []timeline.Sample, err error) {
	for reach := lookback; ; reach *= 8 {
		from := max(before-reach, factory.MinObservedAt)
		page, err := l.page(metric, from, before, recordPage, "")
		if err != nil {
			return nil, err
		}
		samples = samplesOf(page)
		for page.NextCursor != "" { // only the last ones are of interest
			if page, err = l.page(metric, from, before, recordPage, page.NextCursor); err != nil {
				return nil, err
			}
			samples = append(samples[max(0, len(samples)-n):], samplesOf(page)...)
		}
		if len(samples) >= n || from == factory.MinObservedAt {
			return samples, nil
		}
	}
}

// sawSamples notes the times of readings of one metric, which are in order.
func (l *recordLoader) sawSamples(samples []timeline.Sample) {
	if len(samples) == 0 {
		return
	}
	l.sawRecord(samples[0].ObservedAt)
	if l.signs == nil {
		return
	}
	times := make([]int64, len(samples))
	for i, s := range samples {
		times[i] = s.ObservedAt
	}
	l.signs.Add(times...)
}

// loadBirth completes the birth: readings of metrics that are no signals and older
// events count, too. It reads no more than it needs to know whether the machine existed
// at the beginning of the span, and otherwise since when.
func (l *recordLoader) loadBirth() error {
	if l.records.Birth <= l.span.From {
		return nil
	}
	metrics, err := l.store.Metrics(l.ctx, l.machine)
	if err != nil {
		return err
	}
	for _, m := range metrics {
		page, err := l.page(m.Name, math.MinInt64, l.span.To, 1, "")
		if err != nil {
			return err
		}
		if samples := samplesOf(page); len(samples) > 0 {
			l.sawRecord(samples[0].ObservedAt)
		}
		if l.records.Birth <= l.span.From {
			return nil
		}
	}
	page, err := l.store.Events(l.ctx, factory.EventQuery{Machine: l.machine, Kinds: timeline.PostedKinds, From: math.MinInt64, To: l.span.To, Limit: 1})
	for _, e := range page.Events {
		l.sawRecord(e.ObservedAt)
	}
	return err
}

// loadSilences finds the times without a sign of life. The readings of the signals have
// been noted; those of other metrics are read only where they are needed.
func (l *recordLoader) loadSilences() error {
	if l.signs == nil {
		return nil
	}
	reach := factory.Span{From: l.span.From - l.signals.OfflineAfter - 1, To: min(l.span.To+l.signals.OfflineAfter+1, l.now)}
	metrics, err := l.store.Metrics(l.ctx, l.machine)
	if err != nil {
		return err
	}
	if err := l.noteLastSign(metrics, reach.From); err != nil {
		return err
	}
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.Name
	}
	// One metric is often enough to show that a machine is alive. The others are read
	// only within the silences that it leaves.
	for _, group := range [][]string{names[:min(1, len(names))], names[min(1, len(names)):]} {
		if len(group) == 0 {
			continue
		}
		for _, gap := range l.gaps(reach) {
			if err := l.noteSigns(group, gap); err != nil {
				return err
			}
		}
	}
	l.records.Silences = l.signs.Silences(l.now)
	return nil
}

// noteLastSign notes a reading before a time, if there is any, however old: since
// telemetry has begun a machine can be silent.
func (l *recordLoader) noteLastSign(metrics []factory.Metric, before int64) error {
	for _, m := range metrics {
		page, err := l.page(m.Name, math.MinInt64, before, 1, "")
		if err != nil {
			return err
		}
		if samples := samplesOf(page); len(samples) > 0 {
			l.signs.Add(samples[0].ObservedAt)
			return nil
		}
	}
	return nil
}

// gaps returns the parts of reach in which a sign of life would matter. Those close to
// each other are joined, because reading is cheaper than asking.
func (l *recordLoader) gaps(reach factory.Span) []factory.Span {
	var gaps []factory.Span
	for _, silence := range l.signs.Gaps(reach) {
		if n := len(gaps); n > 0 && silence.From-gaps[n-1].To < 2*lookback {
			gaps[n-1].To = silence.To
			continue
		}
		gaps = append(gaps, silence)
	}
	return gaps
}

// noteSigns notes the times of all readings of metrics in a span.
func (l *recordLoader) noteSigns(metrics []string, span factory.Span) error {
	q := factory.HistoryQuery{Machine: l.machine, Metrics: metrics, From: span.From, To: span.To, Limit: recordPage}
	for {
		page, err := l.store.History(l.ctx, q)
		if errors.Is(err, factory.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, series := range page.Series {
			l.sawSamples(samplesOf(factory.HistoryPage{Series: []factory.Series{series}}))
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}
