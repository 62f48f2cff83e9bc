package storetest

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

// Memory is a factory.Store in maps: the contract at its plainest, slow and
// without a disk. It keeps its content when closed, for Reopen.
type Memory struct {
	limits Limits

	mu     sync.Mutex
	closed bool
	values map[seriesKey]map[int64]float64
	points uint64
}

type seriesKey struct{ machine, metric string }

var _ factory.Store = (*Memory)(nil)

// NewMemory returns an empty store. MaxSeries 0 is no limit.
func NewMemory(limits Limits) *Memory {
	return &Memory{limits: limits, values: make(map[seriesKey]map[int64]float64)}
}

// Reopen returns a store with the content of m, which is of no use any more.
func (m *Memory) Reopen(limits Limits) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return &Memory{limits: limits, values: m.values}
}

// Append implements factory.Store.
func (m *Memory) Append(ctx context.Context, readings []factory.Reading) (result factory.AppendResult, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.mayLocked(ctx); err != nil {
		return result, err
	}
	for i, r := range readings {
		if err := m.putLocked(r); err != nil {
			result.Rejected = append(result.Rejected, factory.Rejection{Index: i, Err: err})
			continue
		}
		result.Accepted++
	}
	m.points += uint64(result.Accepted)
	return result, nil
}

func (m *Memory) putLocked(r factory.Reading) error {
	if err := factory.ValidateValue(r.Value); err != nil {
		return err
	}
	k := seriesKey{r.Machine, r.Metric}
	if m.values[k] == nil {
		if err := factory.ValidateName(factory.KindMachine, r.Machine); err != nil {
			return err
		}
		if err := factory.ValidateName(factory.KindMetric, r.Metric); err != nil {
			return err
		}
		if !m.limits.AutoRegister {
			return fmt.Errorf("machine %q, metric %q: %w", r.Machine, r.Metric, factory.ErrNotFound)
		}
		if m.limits.MaxSeries > 0 && len(m.values) >= m.limits.MaxSeries {
			return fmt.Errorf("limit of %d series reached: %w", m.limits.MaxSeries, factory.ErrInvalid)
		}
		m.values[seriesKey{strings.Clone(r.Machine), strings.Clone(r.Metric)}] = make(map[int64]float64)
	}
	m.values[k][r.ObservedAt] = r.Value
	return nil
}

// Latest implements factory.Store.
func (m *Memory) Latest(ctx context.Context, q factory.LatestQuery) (page factory.LatestPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.beginLocked(ctx, "latest", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	for _, k := range m.keysLocked() {
		if q.Machine != "" && k.machine != q.Machine || q.Metric != "" && k.metric != q.Metric || after != nil && compareKeys(k, after.key) <= 0 {
			continue
		}
		if len(page.Readings) == q.Limit {
			last := page.Readings[q.Limit-1]
			page.NextCursor = memoryCursor("latest", memoryPosition{key: seriesKey{last.Machine, last.Metric}})
			return page, nil
		}
		at := slices.Max(slices.Collect(maps.Keys(m.values[k])))
		page.Readings = append(page.Readings, factory.LatestReading{
			Reading: factory.Reading{Machine: k.machine, Metric: k.metric, ObservedAt: at, Value: m.values[k][at]},
		})
	}
	return page, nil
}

// History implements factory.Store.
func (m *Memory) History(ctx context.Context, q factory.HistoryQuery) (page factory.HistoryPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.beginLocked(ctx, "history", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	keys := slices.DeleteFunc(m.keysLocked(), func(k seriesKey) bool { return k.machine != q.Machine })
	if len(keys) == 0 {
		return page, fmt.Errorf("machine %q: %w", q.Machine, factory.ErrNotFound)
	}
	if after != nil && after.key.machine != q.Machine {
		return page, fmt.Errorf("cursor of machine %q: %w", after.key.machine, factory.ErrInvalid)
	}
	var last memoryPosition
	left := q.Limit
	for _, k := range keys {
		if len(q.Metrics) > 0 && !slices.Contains(q.Metrics, k.metric) || after != nil && compareKeys(k, after.key) < 0 {
			continue
		}
		out := factory.Series{Metric: k.metric}
		for _, at := range slices.Sorted(maps.Keys(m.values[k])) {
			if at < q.From || at >= q.To || after != nil && k == after.key && at <= after.at {
				continue
			}
			if left == 0 {
				page.NextCursor = memoryCursor("history", last)
				break
			}
			left--
			out.Points = append(out.Points, factory.Point{ObservedAt: at, Value: m.values[k][at]})
			last = memoryPosition{k, at}
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
func (m *Memory) Stats() factory.StoreStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	machines := make(map[string]bool)
	for k := range m.values {
		machines[k.machine] = true
	}
	return factory.StoreStats{Engine: "memory", Series: len(m.values), Machines: len(machines), Points: m.points, QueueCapacity: 1 << 20}
}

// Ready implements factory.Store.
func (m *Memory) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mayLocked(context.Background())
}

// Close implements factory.Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) mayLocked(ctx context.Context) error {
	if m.closed {
		return fmt.Errorf("store is closed: %w", factory.ErrUnavailable)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", factory.ErrUnavailable, err)
	}
	return nil
}

// beginLocked checks what all queries have in common and returns the position
// that the cursor stands for; nil for no cursor.
func (m *Memory) beginLocked(ctx context.Context, kind, cursor string, limit int) (*memoryPosition, error) {
	if err := m.mayLocked(ctx); err != nil {
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
	var p memoryPosition
	var errs [3]error
	p.key.machine, errs[0] = unquoteWord(parts[1])
	p.key.metric, errs[1] = unquoteWord(parts[2])
	p.at, errs[2] = strconv.ParseInt(parts[3], 10, 64)
	if cmp.Or(errs[:]...) != nil {
		return nil, fmt.Errorf("cursor %q: %w", cursor, factory.ErrInvalid)
	}
	return &p, nil
}

type memoryPosition struct {
	key seriesKey
	at  int64
}

// memoryCursor is the kind and the position as quoted words with a space
// between them, then a dot and a checksum. Spaces and dots in the words are
// other characters.
func memoryCursor(kind string, p memoryPosition) string {
	body := fmt.Sprintf("%s %s %s %d", kind, quoteWord(p.key.machine), quoteWord(p.key.metric), p.at)
	return body + "." + checksum(body)
}

var (
	hideSeparators = strings.NewReplacer(" ", "\u00a0", ".", "\u00b7")
	showSeparators = strings.NewReplacer("\u00a0", " ", "\u00b7", ".")
)

func quoteWord(s string) string { return hideSeparators.Replace(strconv.QuoteToASCII(s)) }

func unquoteWord(s string) (string, error) { return strconv.Unquote(showSeparators.Replace(s)) }

func checksum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }

func (m *Memory) keysLocked() []seriesKey {
	return slices.SortedFunc(maps.Keys(m.values), compareKeys)
}

func compareKeys(a, b seriesKey) int {
	return cmp.Or(cmp.Compare(a.machine, b.machine), cmp.Compare(a.metric, b.metric))
}
