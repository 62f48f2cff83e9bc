package memory

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// journal is the content of the journal. Store.mu guards it.
type journal struct {
	index   *store.JournalIndex
	events  []factory.Event // in order of Seq
	changed chan struct{}   // closed and replaced when events are appended
}

var (
	documentCursor = store.CursorKind{Tag: 5, Checksum: binary.BigEndian}
	eventCursor    = store.CursorKind{Tag: 6, Checksum: binary.BigEndian}
)

func newJournal() *journal {
	return &journal{index: store.NewJournalIndex(), changed: make(chan struct{})}
}

// Write implements factory.Journal.
func (m *Store) Write(ctx context.Context, batch factory.JournalBatch) (result factory.JournalResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return result, err
	}
	if batch, err = store.PrepareBatch(batch, m.options.now()); err != nil {
		return result, err
	}
	result, err = m.journal.write(batch, m.options.now())
	m.journal.expire(m.options.EventRetention, m.options.now())
	return result, err
}

// write applies a prepared batch.
func (j *journal) write(batch factory.JournalBatch, now int64) (result factory.JournalResult, err error) {
	if result, err = j.index.Apply(batch, now); err != nil {
		return result, err
	}
	appended := len(j.events)
	for _, e := range result.Events {
		if !e.Repeated {
			j.events = append(j.events, e.Event)
		}
	}
	if len(j.events) > appended {
		close(j.changed)
		j.changed = make(chan struct{})
	}
	return result, nil
}

func (j *journal) setDocument(d factory.Document) {
	j.index.Documents[store.DocumentKey{Kind: d.Kind, ID: d.ID}] = &d
}

// purge removes the events and the documents of a machine.
func (j *journal) purge(machine string) {
	j.remove(func(e factory.Event) bool { return e.Machine == machine })
	metrics := factory.MetricDocumentID(machine, "")
	maps.DeleteFunc(j.index.Documents, func(k store.DocumentKey, _ *factory.Document) bool {
		return k.Kind == factory.DocumentMachine && k.ID == machine || k.Kind == factory.DocumentMetric && strings.HasPrefix(k.ID, metrics)
	})
}

// expire removes the expired events; see store.EventRetention.
func (j *journal) expire(retention store.EventRetention, now int64) {
	for _, limit := range retention.Limited() {
		type subject struct{ machine, subject string }
		newest := map[subject]factory.Event{} // of the expired ones
		before := now - limit.Age.Milliseconds()
		for _, e := range j.events {
			k := subject{e.Machine, e.Subject}
			if known, ok := newest[k]; e.Kind == limit.Kind && e.ReceivedAt < before && j.inForce(e) && (!ok || compareEvents(known, e) < 0) {
				newest[k] = e
			}
		}
		j.remove(func(e factory.Event) bool {
			replaced, ok := j.index.Events[store.EventKey{Machine: e.Machine, ID: e.Replaces}]
			return e.Kind == limit.Kind && e.ReceivedAt < before && e.Seq != j.index.LastSeq &&
				e.Seq != newest[subject{e.Machine, e.Subject}].Seq && (!ok || replaced.Kind == e.Kind)
		})
	}
}

// remove removes the events that old selects.
func (j *journal) remove(old func(factory.Event) bool) {
	j.events = slices.DeleteFunc(j.events, func(e factory.Event) bool {
		if !old(e) {
			return false
		}
		j.index.Remove(e)
		return true
	})
}

// Document implements factory.Journal.
func (m *Store) Document(ctx context.Context, kind factory.DocumentKind, id string) (factory.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return factory.Document{}, err
	}
	d := m.journal.index.Documents[store.DocumentKey{Kind: kind, ID: id}]
	if d == nil || d.Deleted {
		return factory.Document{}, store.DocumentNotFound(kind, id)
	}
	return *d, nil
}

// Documents implements factory.Journal.
func (m *Store) Documents(ctx context.Context, q factory.DocumentQuery) (page factory.DocumentPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	after, err := documentCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	for k, d := range m.journal.index.Documents {
		if k.Kind == q.Kind && !d.Deleted && k.ID > after.Machine && strings.HasPrefix(k.ID, q.Prefix) && store.HasMembers(d.Data, q.Members) {
			page.Documents = append(page.Documents, *d)
		}
	}
	slices.SortFunc(page.Documents, func(a, b factory.Document) int { return cmp.Compare(a.ID, b.ID) })
	if len(page.Documents) > q.Limit {
		page.Documents = page.Documents[:q.Limit]
		page.NextCursor = documentCursor.Encode(store.Position{Key: key{Machine: page.Documents[q.Limit-1].ID}})
	}
	return page, nil
}

// Events implements factory.Journal.
func (m *Store) Events(ctx context.Context, q factory.EventQuery) (page factory.EventPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	after, err := store.DecodeEventCursor(eventCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	order := compareEvents
	if q.Descending {
		order = func(a, b factory.Event) int { return compareEvents(b, a) }
	}
	for _, e := range m.journal.events {
		if m.journal.inForce(e) && (q.Machine == "" || q.Machine == e.Machine) && (q.Subject == "" || q.Subject == e.Subject) &&
			hasKind(q.Kinds, e.Kind) && e.ObservedAt >= q.From && (e.ObservedAt < q.To || q.To == math.MaxInt64) &&
			(after == nil || order(e, *after) > 0) {
			page.Events = append(page.Events, e)
		}
	}
	slices.SortFunc(page.Events, order)
	if len(page.Events) > q.Limit {
		page.Events = page.Events[:q.Limit]
		page.NextCursor = store.EncodeEventCursor(eventCursor, page.Events[q.Limit-1])
	}
	return page, nil
}

func (j *journal) inForce(e factory.Event) bool {
	return !j.index.Replaced[store.EventKey{Machine: e.Machine, ID: e.ID}]
}

func hasKind(kinds []factory.EventKind, kind factory.EventKind) bool {
	return len(kinds) == 0 || slices.Contains(kinds, kind)
}

func compareEvents(a, b factory.Event) int {
	return cmp.Or(cmp.Compare(a.ObservedAt, b.ObservedAt), cmp.Compare(a.Seq, b.Seq))
}

// LatestEvents implements factory.Journal.
func (m *Store) LatestEvents(ctx context.Context, q factory.LatestEventQuery) ([]factory.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	type subject struct{ machine, subject string }
	latest := map[subject]factory.Event{}
	for _, e := range m.journal.events {
		if e.Kind != q.Kind || !m.journal.inForce(e) || q.Machine != "" && q.Machine != e.Machine ||
			q.Subject != "" && q.Subject != e.Subject || q.Before != 0 && e.ObservedAt >= q.Before {
			continue
		}
		k := subject{e.Machine, e.Subject}
		if known, ok := latest[k]; !ok || compareEvents(known, e) < 0 {
			latest[k] = e
		}
	}
	var events []factory.Event
	for _, e := range latest {
		events = append(events, e)
	}
	slices.SortFunc(events, func(a, b factory.Event) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.Subject, b.Subject))
	})
	return events, nil
}

// EventsAfter implements factory.Journal.
func (m *Store) EventsAfter(ctx context.Context, q factory.LogQuery) ([]factory.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return nil, err
	}
	var events []factory.Event
	all := m.journal.events
	next := sort.Search(len(all), func(i int) bool { return all[i].Seq > q.After })
	for _, e := range all[next:] {
		if (q.Machine == "" || q.Machine == e.Machine) && hasKind(q.Kinds, e.Kind) {
			events = append(events, e)
			if len(events) == q.Limit {
				break
			}
		}
	}
	return events, nil
}

// LastSeq implements factory.Journal.
func (m *Store) LastSeq(ctx context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.journal.index.LastSeq, m.usableLocked(ctx)
}

// WaitEvents implements factory.Journal.
func (m *Store) WaitEvents(ctx context.Context, after int64) error {
	m.mu.Lock()
	closed, changed, last := m.closed, m.journal.changed, m.journal.index.LastSeq
	m.mu.Unlock()
	if closed {
		return store.ErrClosed
	}
	if last > after {
		return nil
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for an event: %w", ctx.Err())
	case <-changed:
		return nil
	case <-m.closing:
		return store.ErrClosed
	}
}
