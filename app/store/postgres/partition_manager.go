package postgres

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// partitionManager caches the list of partitions of the table reading and
// creates missing ones. The cache may be out of date: inserting a row without a
// partition fails, and windows are correct for any layout.
type partitionManager struct {
	store  *Store
	cached atomic.Pointer[layout]
}

// layout returns the cached partitions.
func (m *partitionManager) layout() layout {
	if l := m.cached.Load(); l != nil {
		return *l
	}
	return nil
}

// refresh updates the cache.
func (m *partitionManager) refresh(ctx context.Context) error {
	return m.store.inTransaction(ctx, m.store.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		_, err := m.load(ctx, tx)
		return err
	})
}

// load updates the cache from q and returns the new layout.
func (m *partitionManager) load(ctx context.Context, q querier) (l layout, err error) {
	rows, err := q.Query(ctx, "SELECT start, finish FROM reading_partition ORDER BY start")
	if err != nil {
		return nil, err
	}
	var one partition
	_, err = pgx.ForEachRow(rows, []any{&one.start, &one.end}, func() error {
		l = append(l, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.cached.Store(&l)
	return l, nil
}

// ensure creates the partitions that rows need and the cache does not have.
func (m *partitionManager) ensure(ctx context.Context, rows []row) error {
	known := m.layout()
	var missing []int64
	current := partition{} // of the last row
	for _, r := range rows {
		if r.at >= current.start && r.at < current.end {
			continue
		}
		if i := known.search(r.at); i < len(known) && known[i].start <= r.at {
			current = known[i]
			continue
		}
		missing = append(missing, r.at)
		current = known.newPartition(r.at, m.store.options.nowMillis())
	}
	return m.create(ctx, missing)
}

// createAhead creates the partitions of today and of the days ahead.
func (m *partitionManager) createAhead(ctx context.Context) error {
	var times []int64
	known := m.layout()
	today := startOfDay(m.store.options.nowMillis())
	for day := range int64(daysAhead + 1) {
		if at := today + day*dayMs; !known.covers(at) {
			times = append(times, at)
		}
	}
	return m.create(ctx, times)
}

// maxCreatePerTransaction bounds the partitions created in a transaction, which
// holds two locks for each.
const maxCreatePerTransaction = 64

// create creates the partitions for readings of the given times, if they do not
// exist yet.
func (m *partitionManager) create(ctx context.Context, times []int64) error {
	for len(times) > 0 {
		var rest []int64
		err := m.store.inTransaction(ctx, m.store.writePool, readWrite, func(ctx context.Context, tx pgx.Tx) (err error) {
			rest, err = m.createSome(ctx, tx, times)
			return err
		})
		if err != nil {
			return fmt.Errorf("create partitions: %w", err)
		}
		times = rest
		// Only what is committed may be cached.
		if err := m.refresh(ctx); err != nil {
			return fmt.Errorf("list partitions: %w", err)
		}
	}
	return nil
}

// createSome creates up to maxCreatePerTransaction partitions and returns the
// remaining times. It does not block readers or writers of other partitions.
func (m *partitionManager) createSome(ctx context.Context, tx pgx.Tx, times []int64) (rest []int64, err error) {
	if err := lockExclusive(ctx, tx, lockPartitions); err != nil {
		return nil, err
	}
	l, err := m.load(ctx, tx)
	if err != nil {
		return nil, err
	}
	created := 0
	for i, at := range times {
		if l.covers(at) {
			continue
		}
		if created == maxCreatePerTransaction {
			return times[i:], nil
		}
		created++
		p := l.newPartition(at, m.store.options.nowMillis())
		if err := createPartition(ctx, tx, p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name(), err)
		}
		l = l.insert(p)
	}
	return nil, nil
}

// createPartition creates the table of a partition, then attaches it. CREATE
// TABLE … PARTITION OF would lock the whole table reading for a moment.
func createPartition(ctx context.Context, tx pgx.Tx, p partition) error {
	bound := func(at, unbounded int64, keyword string) string {
		if at == unbounded {
			return keyword
		}
		return strconv.FormatInt(at, 10)
	}
	for _, sql := range []string{
		"CREATE TABLE " + p.table() + " (LIKE reading INCLUDING INDEXES)",
		fmt.Sprintf("ALTER TABLE reading ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
			p.table(), bound(p.start, math.MinInt64, "MINVALUE"), bound(p.end, math.MaxInt64, "MAXVALUE")),
	} {
		if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO reading_partition (start, finish, name) VALUES ($1, $2, $3)", p.start, p.end, p.name())
	return err
}
