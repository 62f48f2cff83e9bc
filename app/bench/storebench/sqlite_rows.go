package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"sync"

	"smart-factory-backend/app/factory"
)

// rowsEngine is SQLite with one row per point: a clustered table, a write-ahead
// log, each commit synced, one transaction per append, prepared statements that
// insert many rows. The series are kept in memory.
type rowsEngine struct {
	path string
	db   *sql.DB

	mu        sync.Mutex
	conn      *sql.Conn
	many, one *sql.Stmt
	args      []any
	series    map[seriesKey]int64
}

// rowsPerInsert is the number of rows that the statement many inserts.
const rowsPerInsert = 100

const upsert = " ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value"

func openRows(ctx context.Context, path string) (*rowsEngine, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	r := &rowsEngine{path: path, db: db, series: make(map[seriesKey]int64)}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

func (r *rowsEngine) prepare(ctx context.Context) (err error) {
	if r.conn, err = r.db.Conn(ctx); err != nil {
		return err
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (machine, metric))",
		"CREATE TABLE IF NOT EXISTS reading (series_id INTEGER, at INTEGER, value REAL NOT NULL, PRIMARY KEY (series_id, at)) WITHOUT ROWID",
	} {
		if _, err := r.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	const insert = "INSERT INTO reading (series_id, at, value) VALUES (?, ?, ?)"
	if r.one, err = r.conn.PrepareContext(ctx, insert+upsert); err != nil {
		return err
	}
	r.many, err = r.conn.PrepareContext(ctx, insert+strings.Repeat(", (?, ?, ?)", rowsPerInsert-1)+upsert)
	return err
}

func (r *rowsEngine) append(ctx context.Context, readings []factory.Reading) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tx, err := r.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	r.args = r.args[:0]
	for i := range readings {
		id, err := r.idLocked(ctx, &readings[i])
		if err != nil {
			return err
		}
		r.args = append(r.args, id, readings[i].ObservedAt, readings[i].Value)
	}
	args := r.args
	for len(args) >= 3*rowsPerInsert {
		if _, err := r.many.ExecContext(ctx, args[:3*rowsPerInsert]...); err != nil {
			return err
		}
		args = args[3*rowsPerInsert:]
	}
	for ; len(args) > 0; args = args[3:] {
		if _, err := r.one.ExecContext(ctx, args[:3]...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// idLocked returns the id of a reading's series, and adds the series if needed.
func (r *rowsEngine) idLocked(ctx context.Context, reading *factory.Reading) (int64, error) {
	if id, known := r.series[seriesKey{reading.Machine, reading.Metric}]; known {
		return id, nil
	}
	k := seriesKey{strings.Clone(reading.Machine), strings.Clone(reading.Metric)}
	done, err := r.conn.ExecContext(ctx, "INSERT INTO series (machine, metric) VALUES (?, ?)", k.machine, k.metric)
	if err != nil {
		return 0, err
	}
	id, err := done.LastInsertId()
	r.series[k] = id
	return id, err
}

func (r *rowsEngine) id(machine, metric string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.series[seriesKey{machine, metric}]
}

func (r *rowsEngine) raw(ctx context.Context, machine, metric string, from, to int64) (int, error) {
	found, err := r.db.QueryContext(ctx, "SELECT at, value FROM reading WHERE series_id = ? AND at >= ? AND at < ? ORDER BY at", r.id(machine, metric), from, to)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	var points []factory.Point
	for found.Next() {
		var p factory.Point
		if err := found.Scan(&p.ObservedAt, &p.Value); err != nil {
			return 0, err
		}
		points = append(points, p)
	}
	return len(points), found.Err()
}

func (r *rowsEngine) buckets(ctx context.Context, machine, metric string, span int64) (n int, err error) {
	found, err := r.db.QueryContext(ctx, `SELECT at / ?1, min(value), max(value), avg(value), sum(value), count(*)
		FROM reading WHERE series_id = ?2 GROUP BY 1 ORDER BY 1`, span, r.id(machine, metric))
	if err != nil {
		return 0, err
	}
	defer found.Close()
	for found.Next() {
		var b bucket
		if err := found.Scan(&b.at, &b.min, &b.max, &b.mean, &b.sum, &b.count); err != nil {
			return 0, err
		}
		n++
	}
	return n, found.Err()
}

// bucket is one row of a bucket query.
type bucket struct {
	at, count           int64
	min, max, mean, sum float64
}

// latestQuery selects the newest point of each series by one index lookup per
// series.
const latestQuery = `SELECT s.machine, s.metric, r.at, r.value FROM series s
	JOIN reading r ON r.series_id = s.id AND r.at = (SELECT max(at) FROM reading WHERE series_id = s.id)
	ORDER BY s.machine, s.metric`

func (r *rowsEngine) latest(ctx context.Context, _ int) (int, error) {
	found, err := r.db.QueryContext(ctx, latestQuery)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	var all []factory.Reading
	for found.Next() {
		var one factory.Reading
		if err := found.Scan(&one.Machine, &one.Metric, &one.ObservedAt, &one.Value); err != nil {
			return 0, err
		}
		all = append(all, one)
	}
	return len(all), found.Err()
}

func (r *rowsEngine) settle(ctx context.Context) error {
	_, err := r.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (r *rowsEngine) size(ctx context.Context) (int64, error) { return usedPages(ctx, r.path) }

func (r *rowsEngine) close() error {
	return errors.Join(r.many.Close(), r.one.Close(), r.conn.Close(), r.db.Close())
}
