package postgres

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// partitions knows the partitions of the table reading and makes those that
// are missing. The copy may be out of date: a row that finds no partition
// fails, and windows for reading are right with any layout.
type partitionManager struct {
	store  *Store
	cached atomic.Pointer[layout]
}

// layout returns the partitions as they were last known.
func (p *partitionManager) layout() layout {
	if l := p.cached.Load(); l != nil {
		return *l
	}
	return nil
}

// refresh reads the list anew.
func (p *partitionManager) refresh(ctx context.Context) error {
	return p.store.inTransaction(ctx, p.store.writePool, readOnly, func(ctx context.Context, tx pgx.Tx) error {
		_, err := p.load(ctx, tx)
		return err
	})
}

func (p *partitionManager) load(ctx context.Context, q querier) (l layout, err error) {
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
	p.cached.Store(&l)
	return l, nil
}

// ensure makes the partitions that the rows need and that are not known.
func (p *partitionManager) ensure(ctx context.Context, rows []row) error {
	known := p.layout()
	var missing []int64
	covered := partition{}
	for _, r := range rows {
		if r.at >= covered.start && r.at < covered.end {
			continue
		}
		i := known.search(r.at)
		if i < len(known) && known[i].start <= r.at {
			covered = known[i]
			continue
		}
		missing = append(missing, r.at)
		covered = known.newPartition(r.at, p.store.options.nowMillis())
	}
	return p.create(ctx, missing)
}

// makeAtOnce is the most partitions made in one transaction, which holds two
// locks for each.
const maxCreatePerTransaction = 64

// make makes the partitions for readings of these times, where they are still
// missing.
func (p *partitionManager) create(ctx context.Context, times []int64) error {
	for len(times) > 0 {
		var rest []int64
		err := p.store.inTransaction(ctx, p.store.writePool, readWrite, func(ctx context.Context, tx pgx.Tx) (err error) {
			rest, err = p.createSome(ctx, tx, times)
			return err
		})
		if err != nil {
			return fmt.Errorf("make partitions: %w", err)
		}
		times = rest
		// Other replicas may have made some; what counts is what is committed.
		if err := p.refresh(ctx); err != nil {
			return fmt.Errorf("list partitions: %w", err)
		}
	}
	return nil
}

// makeSome makes up to makeAtOnce partitions and returns the times that are
// left. Neither readers nor writers of other partitions wait for it.
func (p *partitionManager) createSome(ctx context.Context, tx pgx.Tx, times []int64) (rest []int64, err error) {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKeySQL(lockPartitions)+")"); err != nil {
		return nil, err
	}
	l, err := p.load(ctx, tx)
	if err != nil {
		return nil, err
	}
	made := 0
	for i, at := range times {
		if l.covers(at) {
			continue
		}
		if made == maxCreatePerTransaction {
			return times[i:], nil
		}
		made++
		fresh := l.newPartition(at, p.store.options.nowMillis())
		if err := createPartition(ctx, tx, fresh); err != nil {
			return nil, fmt.Errorf("%s: %w", fresh.name(), err)
		}
		l = l.insert(fresh)
	}
	return nil, nil
}

// create makes the table of a partition and attaches it. Making it as a
// partition at once would lock out everybody else for a moment.
func createPartition(ctx context.Context, tx pgx.Tx, p partition) error {
	name := pgx.Identifier{p.name()}.Sanitize()
	bound := func(at, open int64, word string) string {
		if at == open {
			return word
		}
		return strconv.FormatInt(at, 10)
	}
	for _, sql := range []string{
		"CREATE TABLE " + name + " (LIKE reading INCLUDING INDEXES)",
		fmt.Sprintf("ALTER TABLE reading ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)",
			name, bound(p.start, math.MinInt64, "MINVALUE"), bound(p.end, math.MaxInt64, "MAXVALUE")),
	} {
		if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "INSERT INTO reading_partition (start, finish, name) VALUES ($1, $2, $3)", p.start, p.end, p.name())
	return err
}

// makeAhead makes the partitions of today and of the days that follow.
func (p *partitionManager) createAhead(ctx context.Context) error {
	var times []int64
	known := p.layout()
	today := startOfDay(p.store.options.nowMillis())
	for day := range int64(daysAhead + 1) {
		if at := today + day*dayMs; !known.covers(at) {
			times = append(times, at)
		}
	}
	return p.create(ctx, times)
}
