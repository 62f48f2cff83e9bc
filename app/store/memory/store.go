package memory

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"smart-factory-backend/app/factory"
)

// Store is the in-memory engine of factory.Store. Close keeps the content, so
// that Reopen can return it.
type Store struct {
	options Options

	mu       sync.Mutex
	closed   bool
	values   map[seriesKey]map[int64]float64
	times    map[seriesKey][]int64 // sorted keys of values; a missing entry must be rebuilt
	points   uint64
	machines map[string]*registeredMachine // includes deleted ones
	metrics  map[seriesKey]factory.Metric
}

type seriesKey struct{ machine, metric string }

var _ factory.Store = (*Store)(nil)

// New returns an empty store.
func New(options Options) *Store {
	return &Store{
		options: options, values: make(map[seriesKey]map[int64]float64), times: make(map[seriesKey][]int64),
		machines: make(map[string]*registeredMachine), metrics: make(map[seriesKey]factory.Metric),
	}
}

// Reopen returns a store with the content of m and closes m.
func (m *Store) Reopen(options Options) *Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return &Store{options: options, values: m.values, times: m.times, machines: m.machines, metrics: m.metrics}
}

// Append implements factory.Store.
func (m *Store) Append(ctx context.Context, readings []factory.Reading) (result factory.AppendResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return result, err
	}
	for i, r := range readings {
		if err := m.storeLocked(r); err != nil {
			result.Rejected = append(result.Rejected, factory.Rejection{Index: i, Err: err})
			continue
		}
		result.Accepted++
	}
	m.points += uint64(result.Accepted)
	return result, nil
}

func (m *Store) storeLocked(r factory.Reading) error {
	if err := factory.ValidateValue(r.Value); err != nil {
		return err
	}
	if err := m.admitLocked(r); err != nil {
		return err
	}
	k := seriesKey{strings.Clone(r.Machine), strings.Clone(r.Metric)}
	if r.ObservedAt < m.expiryLocked(k) {
		return fmt.Errorf("time %d is expired: %w", r.ObservedAt, factory.ErrInvalid)
	}
	m.registerLocked(k)
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
	after, err := m.beginQueryLocked(ctx, "latest", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	for _, k := range m.keysLocked() {
		if q.Machine != "" && k.machine != q.Machine || q.Metric != "" && k.metric != q.Metric || after != nil && compareKeys(k, after.key) <= 0 {
			continue
		}
		at, ok := m.newestLocked(k)
		if !ok || m.machines[k.machine].deleted {
			continue
		}
		if len(page.Readings) == q.Limit {
			last := page.Readings[q.Limit-1]
			page.NextCursor = encodeCursor("latest", position{key: seriesKey{last.Machine, last.Metric}})
			return page, nil
		}
		page.Readings = append(page.Readings, factory.LatestReading{
			Reading: factory.Reading{Machine: k.machine, Metric: k.metric, ObservedAt: at, Value: m.values[k][at]},
			Unit:    m.metrics[k].Unit,
		})
	}
	return page, nil
}

// History implements factory.Store.
func (m *Store) History(ctx context.Context, q factory.HistoryQuery) (page factory.HistoryPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.beginQueryLocked(ctx, "history", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	keys, err := m.machineKeysLocked(q.Machine, q.Metrics)
	if err != nil {
		return page, err
	}
	if after != nil && after.key.machine != q.Machine {
		return page, fmt.Errorf("cursor of machine %q: %w", after.key.machine, factory.ErrInvalid)
	}
	var last position
	left := q.Limit
	for _, k := range keys {
		if after != nil && compareKeys(k, after.key) < 0 {
			continue
		}
		out := factory.Series{Metric: k.metric, Unit: m.metrics[k].Unit}
		for _, p := range m.rangeLocked(k, q.From, q.To) {
			at := p.ObservedAt
			if after != nil && k == after.key && at <= after.at {
				continue
			}
			if left == 0 {
				page.NextCursor = encodeCursor("history", last)
				break
			}
			left--
			out.Points = append(out.Points, p)
			last = position{k, at}
		}
		if len(out.Points) > 0 {
			page.Series = append(page.Series, out)
		}
		if page.NextCursor != "" {
			break
		}
	}
	return page, nil
}

// Stats implements factory.Store.
func (m *Store) Stats() factory.StoreStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	machines := 0
	for _, machine := range m.machines {
		if !machine.deleted {
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
	m.closed = true
	return nil
}

func (m *Store) usableLocked(ctx context.Context) error {
	if m.closed {
		return fmt.Errorf("store is closed: %w", factory.ErrUnavailable)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", factory.ErrUnavailable, err)
	}
	return nil
}

// beginQueryLocked checks what all queries have in common and decodes the cursor.
// The position is nil if cursor is empty.
func (m *Store) beginQueryLocked(ctx context.Context, kind, cursor string, limit int) (*position, error) {
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, fmt.Errorf("limit %d: %w", limit, factory.ErrInvalid)
	}
	if cursor == "" {
		return nil, nil
	}
	body, sum, _ := strings.Cut(cursor, ".")
	parts := strings.Split(body, " ")
	if len(parts) != 4 || parts[0] != kind || sum != checksum(body) {
		return nil, fmt.Errorf("cursor %q: %w", cursor, factory.ErrInvalid)
	}
	var p position
	var errs [3]error
	p.key.machine, errs[0] = unquoteWord(parts[1])
	p.key.metric, errs[1] = unquoteWord(parts[2])
	p.at, errs[2] = strconv.ParseInt(parts[3], 10, 64)
	if cmp.Or(errs[:]...) != nil {
		return nil, fmt.Errorf("cursor %q: %w", cursor, factory.ErrInvalid)
	}
	return &p, nil
}

// position is the last item of a page.
type position struct {
	key seriesKey
	at  int64
}

// encodeCursor returns the kind and the position as quoted words separated by
// spaces, followed by a dot and a checksum. Spaces and dots inside a word are
// replaced by other characters.
func encodeCursor(kind string, p position) string {
	body := fmt.Sprintf("%s %s %s %d", kind, quoteWord(p.key.machine), quoteWord(p.key.metric), p.at)
	return body + "." + checksum(body)
}

var (
	escapeSeparators   = strings.NewReplacer(" ", "\u00a0", ".", "\u00b7")
	unescapeSeparators = strings.NewReplacer("\u00a0", " ", "\u00b7", ".")
)

func quoteWord(s string) string { return escapeSeparators.Replace(strconv.QuoteToASCII(s)) }

func unquoteWord(s string) (string, error) { return strconv.Unquote(unescapeSeparators.Replace(s)) }

func checksum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }

func (m *Store) keysLocked() []seriesKey {
	return slices.SortedFunc(maps.Keys(m.metrics), compareKeys)
}

func compareKeys(a, b seriesKey) int {
	return cmp.Or(cmp.Compare(a.machine, b.machine), cmp.Compare(a.metric, b.metric))
}
