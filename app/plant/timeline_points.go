package plant

import (
	"errors"
	"math"

	"smart-factory-backend/app/factory"
)

// page reads a page of one metric.
func (l *recordLoader) page(metric string, from, to int64, limit int, cursor string) (factory.HistoryPage, error) {
	page, err := l.store.History(l.ctx, factory.HistoryQuery{Machine: l.machine, Metrics: []string{metric}, From: from, To: to, Limit: limit, Cursor: cursor})
	if errors.Is(err, factory.ErrNotFound) {
		return factory.HistoryPage{}, nil // registered, but without readings
	}
	return page, err
}

func pointsOf(page factory.HistoryPage) []factory.Point {
	if len(page.Series) == 0 {
		return nil
	}
	return page.Series[0].Points
}

// eachPoint reads the points of a metric from from to to, and before them at least the
// last context ones, in order of time.
func (l *recordLoader) eachPoint(metric string, from, to int64, context int, yield func(factory.Point)) error {
	before, err := l.pointsBefore(metric, from, context)
	if err != nil {
		return err
	}
	emit := func(points []factory.Point) {
		for _, p := range points {
			yield(p)
		}
		l.sawPoints(points)
	}
	emit(before)
	cursor := ""
	for {
		page, err := l.page(metric, from, to, recordPage, cursor)
		if err != nil {
			return err
		}
		emit(pointsOf(page))
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}

// pointsBefore returns at least the last n points of a metric before a time, or all if
// there are fewer. It looks into spans of time that grow until they hold enough.
func (l *recordLoader) pointsBefore(metric string, before int64, n int) (points []factory.Point, err error) {
	for reach := lookback; ; reach *= 8 {
		from := max(before-reach, factory.MinObservedAt)
		page, err := l.page(metric, from, before, recordPage, "")
		if err != nil {
			return nil, err
		}
		points = pointsOf(page)
		for page.NextCursor != "" { // only the last ones are of interest
			if page, err = l.page(metric, from, before, recordPage, page.NextCursor); err != nil {
				return nil, err
			}
			points = append(points[max(0, len(points)-n):], pointsOf(page)...)
		}
		if len(points) >= n || from == factory.MinObservedAt {
			return points, nil
		}
	}
}

// sawPoints notes the times of points of one metric, which are in order.
func (l *recordLoader) sawPoints(points []factory.Point) {
	if len(points) == 0 {
		return
	}
	l.sawRecord(points[0].ObservedAt)
	if l.signs == nil {
		return
	}
	times := make([]int64, len(points))
	for i, p := range points {
		times[i] = p.ObservedAt
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
		if points := pointsOf(page); len(points) > 0 {
			l.sawRecord(points[0].ObservedAt)
		}
		if l.records.Birth <= l.span.From {
			return nil
		}
	}
	page, err := l.store.Events(l.ctx, factory.EventQuery{Machine: l.machine, Kinds: lifeKinds, From: math.MinInt64, To: l.span.To, Limit: 1})
	for _, e := range page.Events {
		l.sawRecord(e.ObservedAt)
	}
	return err
}

// lifeKinds are the kinds of event that say that a machine exists.
var lifeKinds = []factory.EventKind{
	factory.EventState, factory.EventCount, factory.EventReason, factory.EventProduct, factory.EventNote, factory.EventText,
}

// loadSilences finds the times without a sign of life. The readings of the signals have
// been noted; those of other metrics are read only where they are needed.
func (l *recordLoader) loadSilences() error {
	if l.signs == nil {
		return nil
	}
	reach := factory.Span{From: l.span.From - l.signals.OfflineAfter - 1, To: min(l.span.To+l.signals.OfflineAfter+1, l.now)}
	err := l.eachEvent(factory.EventQuery{Kinds: []factory.EventKind{factory.EventText}, From: reach.From, To: reach.To}, func(e factory.Event) { l.signs.Add(e.ObservedAt) })
	if err != nil {
		return err
	}
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
		if points := pointsOf(page); len(points) > 0 {
			l.signs.Add(points[0].ObservedAt)
			return nil
		}
	}
	texts, err := l.store.LatestEvents(l.ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: l.machine, Before: max(before, 1)})
	for _, e := range texts {
		l.signs.Add(e.ObservedAt)
	}
	return err
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
			l.sawPoints(series.Points)
			for _, p := range series.Texts {
				l.signs.Add(p.ObservedAt)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}
