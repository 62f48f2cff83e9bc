package plant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

const (
	// watchInterval is how often silent machines are looked for, and the time between
	// two attempts when the store fails.
	watchInterval = time.Second
	// watchHistory is how far back changes are looked for on a machine that has no state
	// event of a signal yet.
	watchHistory = int64(24 * time.Hour / time.Millisecond)
)

// StateWatch appends a state event when the state of a machine changes because of its
// signals or its silence. The events are for those who follow the journal: timelines
// compute the changes from the readings. Each event follows the one before, so of
// several replicas one appends it, and after a start those that are missing are appended.
type StateWatch struct {
	store     factory.Store
	timelines *Timelines
	now       func() int64
	// failed reports that a state could not be determined; it is tried again.
	failed func(error)
	wake   chan struct{}
	// unmapped counts the readings of states whose value the map lacks.
	unmapped atomic.Uint64

	mu       sync.RWMutex // guards the map
	machines map[string]*watchedMachine
}

// watchedMachine is a machine with a state signal or a limit of silence.
type watchedMachine struct {
	mu      sync.Mutex
	signals timeline.Signals
	// values are the newest values of the metrics of the state signal.
	values map[string]watchedValue
	// lastSign is the newest reading of any metric, ahead the newest one that may have
	// changed the state and was not yet due.
	lastSign, ahead int64
	silent          bool
	dirty           bool
}

type watchedValue struct {
	at     int64
	number float64
	text   string
}

// NewStateWatch returns a StateWatch, which is a Subscriber and an EventSubscriber of a
// Feed of store. It appends nothing until Run.
func NewStateWatch(store factory.Store, now func() int64, failed func(error)) *StateWatch {
	return &StateWatch{
		store: store, now: now, failed: failed, wake: make(chan struct{}, 1), machines: map[string]*watchedMachine{},
		// A timeline ends before now, and a reading of this very moment counts.
		timelines: NewTimelines(store, func() int64 { return now() + 1 }),
	}
}

// ReadingsStored marks the machines whose state may have changed.
func (w *StateWatch) ReadingsStored(readings []factory.Reading, _ []factory.Rejection) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if len(w.machines) == 0 {
		return
	}
	for i := range readings {
		m := w.machines[readings[i].Machine]
		if m == nil {
			continue
		}
		if m.lacks(&readings[i]) {
			w.unmapped.Add(1)
		}
		if m.observe(&readings[i]) {
			w.wakeUp()
		}
	}
}

// UnmappedStates returns how many readings of states that this process has received had
// a value that the map of their machine lacks.
func (w *StateWatch) UnmappedStates() uint64 { return w.unmapped.Load() }

// lacks reports whether a reading is a state that the map does not have.
func (m *watchedMachine) lacks(r *factory.Reading) bool {
	state := m.signals.State
	if state == nil || r.Metric != state.Metric {
		return false
	}
	sample := timeline.Sample{Number: r.Value, IsText: r.Text != nil}
	if r.Text != nil {
		sample.Text = *r.Text
	}
	return !state.Map.Maps(sample)
}

// observe notes a reading and reports whether the state may have changed.
func (m *watchedMachine) observe(r *factory.Reading) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silent {
		m.dirty = true
	}
	m.lastSign = max(m.lastSign, r.ObservedAt)
	value := watchedValue{at: r.ObservedAt, number: r.Value}
	if r.Text != nil {
		value.text = strings.Clone(*r.Text)
	}
	if known, used := m.values[r.Metric]; used {
		if known.number != value.number || known.text != value.text || known.at == 0 {
			m.dirty, m.ahead = true, max(m.ahead, r.ObservedAt)
		}
		if value.at >= known.at {
			m.values[strings.Clone(r.Metric)] = value
		}
	}
	return m.dirty
}

func (w *StateWatch) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// MachineMoved does nothing.
func (w *StateWatch) MachineMoved(string, factory.Placement) {}

// MachineDeleted ends the watch.
func (w *StateWatch) MachineDeleted(machine string, _ factory.Placement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.machines, machine)
}

// EventsBegin loads the machines that have signals.
func (w *StateWatch) EventsBegin(ctx context.Context, _ int64) error {
	q := factory.MachineQuery{Limit: 1000}
	for {
		page, err := w.store.Machines(ctx, q)
		if err != nil {
			return fmt.Errorf("load the signals of the machines: %w", err)
		}
		for _, m := range page.Machines {
			w.setMachine(m)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}

// EventsStored loads the machines that have changed. An event of the signal, which
// another replica may have appended, is a reason to look: that replica may not have seen
// a reading that this one took for a repetition.
func (w *StateWatch) EventsStored(ctx context.Context, events []factory.Event) error {
	for _, e := range events {
		machine, changed := strings.CutPrefix(e.Subject, string(factory.DocumentMachine)+"/")
		switch {
		case e.Kind == factory.EventAudit && changed:
			m, err := w.store.Machine(ctx, machine)
			if errors.Is(err, factory.ErrNotFound) {
				w.MachineDeleted(machine, factory.Placement{})
				continue
			}
			if err != nil {
				return err
			}
			w.setMachine(m)
		case e.Kind == factory.EventState && e.Subject == timeline.SubjectSignal:
			w.mark(e.Machine)
		case e.Kind == factory.EventAlarm && w.usesAlarms(e.Machine):
			w.mark(e.Machine)
		}
	}
	return nil
}

func (w *StateWatch) usesAlarms(machine string) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	m := w.machines[machine]
	return m != nil && m.signals.State != nil && m.signals.State.UsesAlarms
}

func (w *StateWatch) mark(machine string) {
	w.mu.RLock()
	m := w.machines[machine]
	w.mu.RUnlock()
	if m != nil {
		m.mu.Lock()
		m.dirty = true
		m.mu.Unlock()
		w.wakeUp()
	}
}

// setMachine begins, changes or ends the watch of a machine.
func (w *StateWatch) setMachine(m factory.Machine) {
	signals, err := timeline.ParseSignals(m.Signals)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(m.Signals) == 0 || err != nil || signals.State == nil && signals.OfflineAfter == 0 {
		delete(w.machines, m.ID)
		return
	}
	watched := &watchedMachine{signals: signals, values: map[string]watchedValue{}, lastSign: m.LastSeen, dirty: true}
	if s := signals.State; s != nil {
		for _, metric := range []string{s.Metric, s.Mode, s.Blocked, s.Starved} {
			watched.values[metric] = watchedValue{}
		}
	}
	w.machines[m.ID] = watched
	w.wakeUp()
}

// Run appends events until ctx ends.
func (w *StateWatch) Run(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-ticker.C:
			w.markDue()
		}
		for _, machine := range w.takeDirty() {
			if err := w.update(ctx, machine); err != nil && ctx.Err() == nil {
				w.failed(fmt.Errorf("state of machine %q: %w", machine, err))
				w.remark(machine)
			}
		}
	}
}

// markDue marks the machines that have sent nothing for too long, and those whose clock
// was ahead.
func (w *StateWatch) markDue() {
	now := w.now()
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, m := range w.machines {
		m.mu.Lock()
		limit := m.signals.OfflineAfter
		silent := limit > 0 && !m.silent && m.lastSign > 0 && now-m.lastSign > limit
		if silent || m.ahead > 0 && m.ahead <= now {
			m.dirty = true
		}
		m.mu.Unlock()
	}
}

func (w *StateWatch) takeDirty() (machines []string) {
	now := w.now()
	w.mu.RLock()
	defer w.mu.RUnlock()
	for id, m := range w.machines {
		m.mu.Lock()
		if m.dirty {
			m.dirty, machines = false, append(machines, id)
			if m.ahead <= now {
				m.ahead = 0
			}
		}
		m.mu.Unlock()
	}
	return machines
}

// remark marks a machine for the next tick.
func (w *StateWatch) remark(machine string) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if m := w.machines[machine]; m != nil {
		m.mu.Lock()
		m.dirty = true
		m.mu.Unlock()
	}
}

// update appends the events of a machine that are missing.
func (w *StateWatch) update(ctx context.Context, machine string) error {
	last, err := w.lastEvent(ctx, machine)
	if err != nil {
		return err
	}
	now := w.now()
	span := factory.Span{From: last.ObservedAt, To: now + 1}
	if last.Seq == 0 {
		span.From = now - watchHistory
	}
	t, err := w.timelines.Timeline(ctx, machine, span)
	if errors.Is(err, factory.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	segments := t.Segments
	if last.Seq == 0 && len(segments) > 1 && segments[0].Source == timeline.FromSilence {
		segments = segments[1:] // the time before the first state
	}
	if err := w.noteSilence(ctx, machine, segments); err != nil {
		return err
	}
	for _, e := range missingEvents(last, segments) {
		e.Machine, e.Follows = machine, last.Seq
		e.ID = fmt.Sprintf("%s\x1f%d", timeline.SubjectSignal, last.Seq)
		result, err := w.store.Write(ctx, factory.JournalBatch{Events: []factory.Event{e}})
		if errors.Is(err, factory.ErrConflict) {
			w.remark(machine) // another replica was first: look at what it has appended
			return nil
		}
		if err != nil {
			return err
		}
		last = result.Events[0].Event
	}
	return nil
}

// noteSilence notes whether the machine is silent, and otherwise its newest reading,
// which another replica may have received.
func (w *StateWatch) noteSilence(ctx context.Context, machine string, segments []timeline.Segment) error {
	m, err := w.store.Machine(ctx, machine)
	if errors.Is(err, factory.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w.mu.RLock()
	watched := w.machines[machine]
	w.mu.RUnlock()
	if watched == nil {
		return nil
	}
	watched.mu.Lock()
	defer watched.mu.Unlock()
	watched.silent = len(segments) > 0 && segments[len(segments)-1].Source == timeline.FromSilence
	watched.lastSign = max(watched.lastSign, m.LastSeen)
	return nil
}

// signalData is the data of an event of a StateWatch.
type signalData struct {
	State  timeline.State  `json:"state"`
	Source timeline.Source `json:"source"`
}

// lastEvent returns the newest event of the signal of a machine; its Seq is 0 if there is
// none.
func (w *StateWatch) lastEvent(ctx context.Context, machine string) (last factory.Event, err error) {
	events, err := w.store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventState, Machine: machine, Subject: timeline.SubjectSignal})
	if err != nil || len(events) == 0 {
		return last, err
	}
	return events[0], nil
}

// missingEvents returns the events after last that segments, which begin at last, show.
// Segments of posted events need none, unless they end a silence.
func missingEvents(last factory.Event, segments []timeline.Segment) (events []factory.Event) {
	var before signalData
	if last.Seq > 0 && json.Unmarshal(last.Data, &before) != nil {
		return nil
	}
	for i, s := range segments {
		posted := s.Source == timeline.FromEvent && before.Source != timeline.FromSilence
		same := (i > 0 || last.Seq > 0) && s.State == before.State
		before = signalData{s.State, s.Source}
		if posted || same {
			continue
		}
		data, _ := json.Marshal(before) // texts
		events = append(events, factory.Event{Kind: factory.EventState, Subject: timeline.SubjectSignal, ObservedAt: s.From, Data: data})
	}
	return events
}
