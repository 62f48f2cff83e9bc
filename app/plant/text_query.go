package plant

import (
	"context"
	"slices"
	"sort"

	"smart-factory-backend/app/factory"
)

// Latest implements factory.Store.
func (t *TextStore) Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error) {
	page, err := t.Store.Latest(ctx, q)
	if err != nil {
		return page, err
	}
	missing := map[string]bool{} // machines
	for i := range page.Readings {
		r := &page.Readings[i]
		if !factory.IsTextCode(r.Value) {
			continue
		}
		if text, ok := t.cachedText(seriesKey{r.Machine, r.Metric}, r.Value); ok {
			r.Value, r.Text = 0, &text
		} else {
			missing[r.Machine] = true
		}
	}
	if len(missing) == 0 {
		return page, nil
	}
	events := map[seriesKey]factory.Event{}
	for machine := range missing {
		list, err := t.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: machine, Subject: q.Metric})
		if err != nil {
			return page, err
		}
		for _, e := range list {
			events[seriesKey{e.Machine, e.Subject}] = e
		}
	}
	page.Readings = slices.DeleteFunc(page.Readings, func(r factory.LatestReading) bool {
		_, ok := events[seriesKey{r.Machine, r.Metric}]
		return r.Text == nil && factory.IsTextCode(r.Value) && !ok
	})
	for i := range page.Readings {
		r := &page.Readings[i]
		if r.Text != nil || !factory.IsTextCode(r.Value) {
			continue
		}
		e := events[seriesKey{r.Machine, r.Metric}]
		text := decodeText(e)
		if factory.TextCode(text) != r.Value {
			r.ObservedAt = e.ObservedAt // of a reading whose event is not stored yet
		}
		r.Value, r.Text = 0, &text
	}
	return page, nil
}

// cachedText returns the text of a code if it is the last known one of the series.
func (t *TextStore) cachedText(key seriesKey, code float64) (text string, ok bool) {
	shard := t.shard(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if s := shard.series[key]; s != nil && factory.TextCode(s.text) == code {
		return s.text, true
	}
	return "", false
}

// History implements factory.Store.
func (t *TextStore) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	page, err := t.Store.History(ctx, q)
	if err != nil {
		return page, err
	}
	for i := range page.Series {
		if err := t.resolve(ctx, q.Machine, &page.Series[i]); err != nil {
			return page, err
		}
	}
	return page, nil
}

// Downsample implements factory.Store. Texts are left out.
func (t *TextStore) Downsample(ctx context.Context, q factory.DownsampleQuery) ([]factory.Series, error) {
	series, err := t.Store.Downsample(ctx, q)
	for i := range series {
		series[i].Points = slices.DeleteFunc(series[i].Points, isCode)
	}
	return slices.DeleteFunc(series, func(s factory.Series) bool { return len(s.Points) == 0 }), err
}

func isCode(p factory.Point) bool { return factory.IsTextCode(p.Value) }

// resolve moves the codes of a series to its texts.
func (t *TextStore) resolve(ctx context.Context, machine string, s *factory.Series) error {
	first := slices.IndexFunc(s.Points, isCode)
	if first < 0 {
		return nil
	}
	from := s.Points[first].ObservedAt
	to := s.Points[len(s.Points)-1].ObservedAt + 1
	events, err := t.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: machine, Subject: s.Metric, Before: from})
	if err != nil {
		return err
	}
	q := factory.EventQuery{
		Machine: machine, Kinds: []factory.EventKind{factory.EventText}, Subject: s.Metric, From: from, To: to, Limit: 1000,
	}
	for {
		page, err := t.Events(ctx, q)
		if err != nil {
			return err
		}
		events = append(events, page.Events...)
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	numbers := s.Points[:first:first]
	for _, p := range s.Points[first:] {
		if !isCode(p) {
			numbers = append(numbers, p)
			continue
		}
		n := sort.Search(len(events), func(i int) bool { return events[i].ObservedAt > p.ObservedAt })
		if n == 0 {
			continue // its event is not stored yet, or has expired
		}
		if text := decodeText(events[n-1]); factory.TextCode(text) == p.Value {
			repeated := events[n-1].ObservedAt != p.ObservedAt || textBefore(events[:n]) == text
			s.Texts = append(s.Texts, factory.TextPoint{ObservedAt: p.ObservedAt, Value: text, Repeated: repeated})
		}
	}
	s.Points = numbers
	return nil
}

// textBefore returns the text that holds before the time of the last of events. A late
// text may have made the last one a repetition.
func textBefore(events []factory.Event) string {
	at := events[len(events)-1].ObservedAt
	for _, e := range slices.Backward(events) {
		if e.ObservedAt < at {
			return decodeText(e)
		}
	}
	return noText
}

// noText is no text, because of its control character.
const noText = "\x00"
