package plant

import (
	"context"
	"fmt"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// Timelines computes timelines from the readings and the events in a store. Nothing is
// cached, so late and corrected records count at once.
type Timelines struct {
	store factory.Store
	// now returns the time of the server's clock in Unix milliseconds.
	now func() int64
}

// NewTimelines returns the timelines of the machines in store.
func NewTimelines(store factory.Store, now func() int64) *Timelines {
	return &Timelines{store: store, now: now}
}

const (
	// recordPage is the most points or events that are read at once.
	recordPage = 20_000
	// lookback is how far before a range its records are read at first, because the
	// last reading before it is needed as well.
	lookback = int64(10 * 60_000)
	// counterContext is the number of readings before a range that show whether a
	// counter has just fallen.
	counterContext = 10
)

// Timeline returns the timeline of a machine in span, as far as it has happened. It
// returns ErrNotFound for a machine that is not registered. Its memory grows with the
// changes of state and with the pieces that were made, not with the number of readings.
func (t *Timelines) Timeline(ctx context.Context, machine string, span factory.Span) (timeline.Timeline, error) {
	m, err := t.store.Machine(ctx, machine)
	if err != nil {
		return timeline.Timeline{}, err
	}
	now := t.now()
	span.To = min(span.To, now)
	if span.From >= span.To {
		return timeline.Timeline{}, nil
	}
	l := recordLoader{ctx: ctx, store: t.store, machine: machine, span: span, now: now}
	if len(m.Signals) > 0 {
		if l.signals, err = timeline.ParseSignals(m.Signals); err != nil {
			return timeline.Timeline{}, fmt.Errorf("signals of machine %q: %w", machine, err)
		}
	}
	if err := l.load(); err != nil {
		return timeline.Timeline{}, fmt.Errorf("load the timeline of machine %q: %w", machine, err)
	}
	return l.signals.Compute(&l.records, span, now), nil
}

// recordLoader loads the records of one timeline.
type recordLoader struct {
	ctx     context.Context //nolint:containedctx // a recordLoader lives as long as one call
	store   factory.Store
	machine string
	signals timeline.Signals
	// span ends at now at the latest.
	span    factory.Span
	now     int64
	records timeline.Records
	signs   *timeline.Signs
}

func (l *recordLoader) load() error {
	l.records.Birth = math.MaxInt64
	if l.signals.OfflineAfter > 0 {
		l.signs = timeline.NewSigns(l.signals.OfflineAfter)
	}
	stateSince, productSince, err := l.loadEvents()
	if err != nil {
		return err
	}
	if err := l.loadAlarms(stateSince); err != nil {
		return err
	}
	if state := l.signals.State; state != nil {
		for _, input := range []struct {
			metric string
			into   *[]timeline.Sample
		}{
			{state.Metric, &l.records.State.State},
			{state.Mode, &l.records.State.Mode},
			{state.Blocked, &l.records.State.Blocked},
			{state.Starved, &l.records.State.Starved},
		} {
			if *input.into, err = l.loadSamples(input.metric, stateSince); err != nil {
				return err
			}
		}
	}
	if l.records.Product, err = l.loadSamples(l.signals.Product, productSince); err != nil {
		return err
	}
	for _, counter := range []struct {
		metric string
		into   *[]timeline.Increase
	}{{l.signals.Good, &l.records.Good}, {l.signals.Scrap, &l.records.Scrap}, {l.signals.Total, &l.records.Total}} {
		if *counter.into, err = l.loadIncreases(counter.metric); err != nil {
			return err
		}
	}
	if err := l.loadBirth(); err != nil {
		return err
	}
	return l.loadSilences()
}

// loadEvents loads the posted events. The state signal and the product signal matter
// since the returned times, at which the last events before the span hold.
func (l *recordLoader) loadEvents() (stateSince, productSince int64, err error) {
	stateSince, productSince = l.span.From, l.span.From
	for kind, since := range map[factory.EventKind]*int64{factory.EventState: &stateSince, factory.EventProduct: &productSince} {
		latest, err := l.store.LatestEvents(l.ctx, factory.LatestEventQuery{Kind: kind, Machine: l.machine, Before: max(l.span.From, 1)})
		if err != nil {
			return 0, 0, err
		}
		for _, e := range latest {
			if l.addEvent(e) {
				*since = min(*since, e.ObservedAt)
			}
		}
	}
	kinds := slices.DeleteFunc(slices.Clone(timeline.PostedKinds), func(k factory.EventKind) bool { return k == factory.EventReason })
	err = l.eachEvent(factory.EventQuery{Kinds: kinds, From: l.span.From, To: l.span.To}, func(e factory.Event) { l.addEvent(e) })
	if err == nil {
		reasons := factory.EventQuery{Kinds: []factory.EventKind{factory.EventReason}, Subject: timeline.SubjectDowntime, From: math.MinInt64, To: math.MaxInt64}
		err = l.eachEvent(reasons, func(e factory.Event) { l.addEvent(e) })
	}
	return stateSince, productSince, err
}

// addEvent adds an event unless nobody has posted it.
func (l *recordLoader) addEvent(stored factory.Event) bool {
	e, ok := timeline.Decode(stored)
	if ok {
		l.sawRecord(e.ObservedAt)
		l.records.Events = append(l.records.Events, e)
	}
	return ok
}

func (l *recordLoader) sawRecord(at int64) { l.records.Birth = min(l.records.Birth, at) }

func (l *recordLoader) eachEvent(q factory.EventQuery, yield func(factory.Event)) error {
	q.Machine, q.Limit = l.machine, recordPage
	for {
		page, err := l.store.Events(l.ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			yield(e)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}

// loadSamples loads the readings of a metric that hold at or after since, up to the end
// of the span. Those that repeat the one before are left out.
func (l *recordLoader) loadSamples(metric string, since int64) (samples []timeline.Sample, err error) {
	if metric == "" {
		return nil, nil
	}
	err = l.eachSample(metric, since, l.span.To, 1, func(s timeline.Sample) {
		n := len(samples)
		if n == 0 || samples[n-1].IsText != s.IsText || samples[n-1].Number != s.Number || samples[n-1].Text != s.Text {
			samples = append(samples, s)
		}
	})
	return samples, err
}

// loadIncreases loads the increases of a counter that overlap the span.
func (l *recordLoader) loadIncreases(metric string) (increases []timeline.Increase, err error) {
	if metric == "" {
		return nil, nil
	}
	var counter timeline.Counter
	add := func(s timeline.Sample) {
		if s.IsText {
			return
		}
		increase := counter.Add(factory.Point{ObservedAt: s.ObservedAt, Value: s.Number})
		if increase.Amount != 0 && increase.To > l.span.From {
			increases = append(increases, increase)
		}
	}
	if err := l.eachSample(metric, l.span.From, l.span.To, counterContext, add); err != nil {
		return nil, err
	}
	after, err := l.page(metric, l.span.To, math.MaxInt64, 1, "")
	if err == nil {
		for _, sample := range samplesOf(after) {
			add(sample)
		}
	}
	return increases, err
}
