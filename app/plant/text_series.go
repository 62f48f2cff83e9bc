package plant

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
)

// textSeries is what is known about the newest reading of a text series.
type textSeries struct {
	textReading
	// known reports that the reading is the newest of the series.
	known bool
	// eventID and eventAt are of the event that was last appended for the series;
	// eventID is "" if it is unknown. pending is its index in textBatch.pending, -1 if
	// it is stored.
	eventID string
	eventAt int64
	pending int
	// changes counts the events of a second, in Unix seconds.
	second  int64
	changes int
}

// textReading is a reading of one series.
type textReading struct {
	at   int64
	code float64
	text string
}

// Changes of a text in one second beyond maxChanges are kept only if they are the last
// in an interval of keepInterval milliseconds.
const (
	maxChanges   = 10
	keepInterval = 100
)

// decide finds the changes among the accepted texts. The codes are stored already, and
// a reading is a change if it differs from the stored reading before it. Of two
// readings that are stored at once, whoever looks later sees the other one. So no
// change is missed, in whatever order readings come and whichever process stores them.
func (b *textBatch) decide(ctx context.Context) error {
	series := map[seriesKey][]textReading{}
	var keys []seriesKey
	for _, r := range b.accepted() {
		if r.Text == nil {
			continue
		}
		key := seriesKey{r.Machine, r.Metric}
		if series[key] == nil {
			keys = append(keys, key)
			b.seriesOf[key.machine]++
		}
		series[key] = append(series[key], textReading{r.ObservedAt, factory.TextCode(*r.Text), *r.Text})
	}
	for _, key := range keys {
		if err := b.decideSeries(ctx, key, series[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *textBatch) decideSeries(ctx context.Context, key seriesKey, readings []textReading) error {
	slices.SortStableFunc(readings, func(x, y textReading) int { return cmp.Compare(x.at, y.at) })
	last := 0
	for _, r := range readings { // of one time, the last one counts
		if last > 0 && readings[last-1].at == r.at {
			last--
		}
		readings[last] = r
		last++
	}
	readings = readings[:last]
	s, err := b.load(ctx, key, readings)
	if err != nil {
		return err
	}
	s.pending = -1
	b.touched[key] = s
	for i, r := range readings {
		switch {
		case s.known && r.at > s.at:
			if r.code != s.code {
				b.add(key, s, r)
			}
			s.textReading = r.clone()
		case s.known && r.at == s.at && r.code == s.code && i == 0: // repeated
		default:
			if err := b.insert(ctx, key, s, r, readings); err != nil {
				return err
			}
		}
	}
	return nil
}

// load returns the state of a series before readings, which are in order and whose
// codes are stored.
func (b *textBatch) load(ctx context.Context, key seriesKey, readings []textReading) (*textSeries, error) {
	s := &textSeries{textReading: textReading{at: math.MinInt64}, eventAt: math.MinInt64}
	if cached := b.shard(key).series[key]; cached != nil {
		if s = new(*cached); !b.shared {
			return s, nil
		}
	}
	first := readings[0].at
	newest, ok, err := b.newestEvent(ctx, key)
	if err != nil {
		return s, err
	}
	if s.known = false; ok && newest.ObservedAt > first {
		return s, nil
	}
	if ok && (s.at >= first || s.at <= newest.ObservedAt) {
		text := decodeText(newest)
		s.textReading, s.eventID, s.eventAt = textReading{newest.ObservedAt, factory.TextCode(text), text}, newest.ID, newest.ObservedAt
	}
	from := first
	if b.shared {
		from = min(s.at, first)
	}
	points, complete, err := b.points(ctx, key, from, math.MaxInt64, maxBefore+len(readings))
	if err != nil || !complete {
		return s, err
	}
	n, _ := slices.BinarySearchFunc(points, first, func(p factory.Point, at int64) int { return cmp.Compare(p.ObservedAt, at) })
	s.known = !slices.ContainsFunc(points[n:], func(p factory.Point) bool { return !isAmong(readings, p) })
	if n > 0 {
		s.code = points[n-1].Value
	}
	return s, nil
}

// newestEvent returns the newest text event of a series. For several series of a
// machine, the store is asked once.
func (b *textBatch) newestEvent(ctx context.Context, key seriesKey) (e factory.Event, ok bool, err error) {
	if b.seriesOf[key.machine] == 1 {
		events, err := b.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: key.machine, Subject: key.metric})
		if err != nil || len(events) == 0 {
			return e, false, err
		}
		return events[0], true, nil
	}
	if b.newest[key.machine] == nil {
		events, err := b.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: key.machine})
		if err != nil {
			return e, false, err
		}
		bySubject := map[string]factory.Event{}
		for _, e := range events {
			bySubject[e.Subject] = e
		}
		b.newest[key.machine] = bySubject
	}
	e, ok = b.newest[key.machine][key.metric]
	return e, ok, nil
}

func isAmong(readings []textReading, p factory.Point) bool {
	_, found := slices.BinarySearchFunc(readings, p.ObservedAt, func(r textReading, at int64) int { return cmp.Compare(r.at, at) })
	return found
}

// clone returns r with a text of its own.
func (r textReading) clone() textReading {
	r.text = strings.Clone(r.text)
	return r
}

// add appends an event for a reading that is newer than all others of the series.
func (b *textBatch) add(key seriesKey, s *textSeries, r textReading) {
	if second := r.at / 1000; second != s.second {
		s.second, s.changes = second, 0
	}
	s.changes++
	replaces := ""
	if s.changes > maxChanges && r.at/keepInterval == s.eventAt/keepInterval {
		switch {
		case s.pending >= 0:
			b.dropped.Add(1)
			e := &b.pending[s.pending]
			e.ObservedAt, e.Data = r.at, encodeText(r.text)
			s.eventAt = r.at
			return
		case s.eventID != "":
			b.dropped.Add(1)
			replaces = s.eventID
		}
	}
	s.eventID, s.eventAt, s.pending = "", r.at, len(b.pending)
	b.appendEvent(key, r, replaces)
}

func (b *textBatch) appendEvent(key seriesKey, r textReading, replaces string) {
	b.pending = append(b.pending, factory.Event{
		Machine: key.machine, Kind: factory.EventText, Subject: key.metric, ObservedAt: r.at, By: b.by,
		Replaces: replaces, Data: encodeText(r.text),
	})
}

// insert appends an event for a reading that may not be the newest, unless it repeats
// the one before it, and one for the reading after it if that was taken for a
// repetition until now. readings are those of the batch, which are all inserted.
func (b *textBatch) insert(ctx context.Context, key seriesKey, s *textSeries, r textReading, readings []textReading) error {
	around, _, err := b.points(ctx, key, r.at, math.MaxInt64, 2)
	if err != nil {
		return err
	}
	if len(around) > 0 && around[0].ObservedAt == r.at {
		if around[0].Value != r.code {
			return nil // another reading of the same time has taken its place
		}
		around = around[1:]
	}
	e, ok, pending, err := b.inForce(ctx, key, r.at)
	if err != nil {
		return err
	}
	repeats := ok && decodeText(e) == r.text
	if repeats && !pending && (!b.shared || e.ObservedAt == r.at) {
		return nil
	}
	if b.shared && repeats && e.ObservedAt != r.at {
		// Another process may have stored a reading since whose event is not there yet.
		before, known, err := b.before(ctx, key, e.ObservedAt, r.at)
		if err != nil {
			return err
		}
		repeats = known && before == r.code
	}
	if !repeats {
		b.appendEvent(key, r, "")
	}
	if r.at == s.at || len(around) == 0 && r.at > s.at {
		s.textReading = r.clone()
	}
	if len(around) == 0 {
		s.known = true
		return nil
	}
	if after := around[0]; after.Value != r.code && !isAmong(readings, after) {
		return b.restate(ctx, key, after)
	}
	return nil
}

// inForce returns the text event that holds at a time. It may be pending.
func (b *textBatch) inForce(ctx context.Context, key seriesKey, at int64) (e factory.Event, ok, pending bool, err error) {
	events, err := b.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventText, Machine: key.machine, Subject: key.metric, Before: at + 1})
	if err != nil {
		return e, false, false, err
	}
	if ok = len(events) > 0; ok {
		e = events[0]
	}
	for _, p := range b.pending {
		if p.Machine == key.machine && p.Subject == key.metric && p.ObservedAt <= at && (!ok || p.ObservedAt >= e.ObservedAt) {
			e, ok, pending = p, true, true
		}
	}
	return e, ok, pending, nil
}

// points returns stored readings of a series, numbers included. complete is false if
// there are more than limit.
func (b *textBatch) points(ctx context.Context, key seriesKey, from, to int64, limit int) (points []factory.Point, complete bool, err error) {
	page, err := b.Store.History(ctx, factory.HistoryQuery{
		Machine: key.machine, Metrics: []string{key.metric}, From: from, To: to, Limit: limit,
	})
	if len(page.Series) > 0 {
		points = page.Series[0].Points
	}
	return points, page.NextCursor == "", err
}

// maxBefore is about the most readings that are read to find the one before another.
const maxBefore = 1000

// before returns the value of the last reading before a time and not before from. ok
// is false if there is none, or it is too far from from.
func (b *textBatch) before(ctx context.Context, key seriesKey, from, at int64) (value float64, ok bool, err error) {
	points, complete, err := b.points(ctx, key, from, at, maxBefore)
	if err != nil || !complete || len(points) == 0 {
		return 0, false, err
	}
	return points[len(points)-1].Value, true, nil
}

// restateSearch is the most events among which restate looks for a text.
const restateSearch = 100

// restate appends an event for a stored reading that has none.
func (b *textBatch) restate(ctx context.Context, key seriesKey, p factory.Point) error {
	page, err := b.Events(ctx, factory.EventQuery{
		Machine: key.machine, Kinds: []factory.EventKind{factory.EventText}, Subject: key.metric,
		From: math.MinInt64, To: p.ObservedAt + 1, Descending: true, Limit: restateSearch,
	})
	if err != nil {
		return err
	}
	for _, e := range append(slices.Clone(b.pending), page.Events...) {
		if e.Machine != key.machine || e.Subject != key.metric {
			continue
		}
		if e.ObservedAt == p.ObservedAt {
			return nil
		}
	}
	for _, e := range page.Events {
		if text := decodeText(e); factory.TextCode(text) == p.Value {
			b.appendEvent(key, textReading{at: p.ObservedAt, text: text}, "")
			return nil
		}
	}
	return nil
}
