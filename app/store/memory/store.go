package memory

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Store is the in-memory engine of factory.Store. Close keeps the content, so
// that Reopen can return it.
type Store struct {
	options Options

	mu       sync.Mutex
	closed   bool
	closing  chan struct{} // closed by Close
	values   map[key]map[int64]float64
	times    map[key][]int64 // sorted keys of values; a missing entry must be rebuilt
	points   uint64
	machines map[string]*store.Machine // includes deleted ones
	metrics  map[key]*factory.Metric
	senders  store.SenderCounts
	journal  *journal
}

type key = store.Key

// The kinds of cursor.
var (
	latestCursor  = store.CursorKind{Tag: 1, Checksum: binary.BigEndian}
	historyCursor = store.CursorKind{Tag: 2, Checksum: binary.BigEndian}
	bucketCursor  = store.CursorKind{Tag: 3, Checksum: binary.BigEndian}
	machineCursor = store.CursorKind{Tag: 4, Checksum: binary.BigEndian}
)

var _ factory.Store = (*Store)(nil)

// New returns an empty store.
func New(options Options) *Store {
	return &Store{
		options: options, values: make(map[key]map[int64]float64), times: make(map[key][]int64),
		machines: make(map[string]*store.Machine), metrics: make(map[key]*factory.Metric),
		journal: newJournal(), closing: make(chan struct{}),
	}
}

// Reopen returns a store with the content of m and closes m.
func (m *Store) Reopen(options Options) *Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeLocked()
	return &Store{
		options: options, values: m.values, times: m.times, machines: m.machines, metrics: m.metrics,
		journal: m.journal, closing: make(chan struct{}),
	}
}

// Append implements factory.Store.
func (m *Store) Append(ctx context.Context, readings []factory.Reading) (result factory.AppendResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return result, err
	}
	for i, r := range readings {
		if err := m.storeLocked(r, factory.Sender(ctx)); err != nil {
			result.Rejected = append(result.Rejected, factory.Rejection{Index: i, Err: err})
			continue
		}
		result.Accepted++
	}
	m.points += uint64(result.Accepted)
	return result, nil
}

func (m *Store) storeLocked(r factory.Reading, sender string) error {
	if err := store.CheckReading(&r); err != nil {
		return err
	}
	if err := m.admitLocked(r, sender); err != nil {
		return err
	}
	k := key{Machine: r.Machine, Metric: r.Metric}.Clone(key{})
	if err := store.CheckExpiry(r.ObservedAt, m.expiryLocked(k)); err != nil {
		return err
	}
	m.registerLocked(k, sender)
	if _, known := m.values[k][r.ObservedAt]; !known {
		delete(m.times, k)
	}
	m.values[k][r.ObservedAt] = r.Value
	return nil
}

// Latest implements factory.Store.
func (m *Store) Latest(ctx context.Context, q factory.LatestQuery) (page factory.LatestPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	after, err := latestCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	for _, k := range m.keysLocked() {
		if q.Machine != "" && k.Machine != q.Machine || q.Metric != "" && k.Metric != q.Metric || k.Compare(after.Key) <= 0 {
			continue
		}
		at, ok := m.newestLocked(k)
		if !ok || m.machines[k.Machine].Deleted {
			continue
		}
		if len(page.Readings) == q.Limit {
			last := page.Readings[q.Limit-1]
			page.NextCursor = latestCursor.Encode(store.Position{Key: key{Machine: last.Machine, Metric: last.Metric}})
			return page, nil
		}
		page.Readings = append(page.Readings, factory.LatestReading{
			Reading: factory.Reading{Machine: k.Machine, Metric: k.Metric, ObservedAt: at, Value: m.values[k][at]},
			Unit:    m.metrics[k].Unit,
		})
	}
	return page, nil
}

// History implements factory.Store.
func (m *Store) History(ctx context.Context, q factory.HistoryQuery) (page factory.HistoryPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	pager, err := m.newPagerLocked(q.Machine, q.Metrics, historyCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	return pager.History(q, func(k key, from int64, limit int) ([]factory.Point, error) {
		points := m.rangeLocked(k, from, q.To)
		return points[:min(limit, len(points))], nil
	})
}

// Stats implements factory.Store.
func (m *Store) Stats() factory.StoreStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	machines := 0
	for _, machine := range m.machines {
		if !machine.Deleted {
			machines++
		}
	}
	return factory.StoreStats{Engine: "memory", Series: len(m.metrics), Machines: machines, Points: m.points, QueueCapacity: 1 << 20}
}

// Ready implements factory.Store.
func (m *Store) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usableLocked(context.Background())
}

// Close implements factory.Store.
func (m *Store) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeLocked()
	return nil
}

func (m *Store) closeLocked() {
	if !m.closed {
		m.closed = true
		close(m.closing)
	}
}

func (m *Store) usableLocked(ctx context.Context) error {
	if m.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return store.Unavailable("use the memory store", err)
	}
	return nil
}

// checkQueryLocked returns an error if a query cannot start.
func (m *Store) checkQueryLocked(ctx context.Context, limit int) error {
	if err := m.usableLocked(ctx); err != nil {
		return err
	}
	return store.CheckAtLeast("limit", limit, 1)
}

func (m *Store) keysLocked() []key { return slices.SortedFunc(maps.Keys(m.metrics), key.Compare) }

// Lead implements factory.Store.
func (m *Store) Lead(ctx context.Context, run func(context.Context) error) error {
	return store.LeadAlone(ctx, m.closing, run)
}
