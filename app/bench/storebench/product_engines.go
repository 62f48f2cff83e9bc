package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
)

// productEngine is the common part of the product's two engines.
type productEngine struct {
	factory.Store
	// refused counts the appends that were retried because the store was
	// overloaded.
	refused int
}

func (e *productEngine) append(ctx context.Context, readings []factory.Reading) error {
	for {
		got, err := e.Append(ctx, readings)
		switch {
		case errors.Is(err, factory.ErrOverloaded):
			e.refused++
			// Like a client that receives Retry-After.
			if err := sleep(ctx, time.Millisecond); err != nil {
				return err
			}
		case err != nil:
			return err
		case got.Accepted != len(readings):
			return fmt.Errorf("%d of %d readings accepted", got.Accepted, len(readings))
		default:
			return nil
		}
	}
}

func (e *productEngine) raw(ctx context.Context, machine, metric string, from, to int64) (int, error) {
	page, err := e.History(ctx, factory.HistoryQuery{Machine: machine, Metrics: []string{metric}, From: from, To: to, Limit: math.MaxInt32})
	if err != nil || len(page.Series) == 0 {
		return 0, err
	}
	return len(page.Series[0].Points), nil
}

func (e *productEngine) buckets(ctx context.Context, machine, metric string, span int64) (int, error) {
	page, err := e.Buckets(ctx, factory.BucketQuery{
		Machine: machine, Metrics: []string{metric}, From: math.MinInt64, To: math.MaxInt64,
		Interval: factory.Every(time.Duration(span) * time.Millisecond), Limit: math.MaxInt32,
	})
	if err != nil || len(page.Series) == 0 {
		return 0, err
	}
	return len(page.Series[0].Buckets), nil
}

func (e *productEngine) latest(ctx context.Context, n int) (int, error) {
	page, err := e.Latest(ctx, factory.LatestQuery{Limit: n})
	return len(page.Readings), err
}

func (e *productEngine) close() error { return e.Close() }

// sqliteEngine is the product's embedded store.
type sqliteEngine struct {
	productEngine
	path string
}

func openSQLite(ctx context.Context, path string) (*sqliteEngine, error) {
	store, err := sqlite.Open(ctx, sqlite.Options{Path: path, AutoRegister: true})
	if err != nil {
		return nil, err
	}
	return &sqliteEngine{productEngine{Store: store}, path}, nil
}

// settle reopens the file with options that seal all points at once, and waits
// until the ingest log is empty and the number of rollups is stable.
func (e *sqliteEngine) settle(ctx context.Context) error {
	if err := e.Close(); err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: e.path, AutoRegister: true, SealAfter: time.Nanosecond})
	if err != nil {
		return err
	}
	e.Store = store
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: e.path}).EscapedPath()+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	for pending, before, rollups := 1, -1, 0; pending > 0 || rollups != before; {
		before = rollups
		// Rarely, because the cost of the query counts as the engine's.
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		const counts = "SELECT (SELECT count(*) FROM ingest_log), (SELECT count(*) FROM rollup)"
		if err := db.QueryRowContext(ctx, counts).Scan(&pending, &rollups); err != nil {
			return err
		}
	}
	return nil
}

func (e *sqliteEngine) size(ctx context.Context) (int64, error) { return usedPages(ctx, e.path) }

// usedPages returns the size of the used pages of a SQLite file.
func usedPages(ctx context.Context, path string) (size int64, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&size)
	return size, err
}

// postgresEngine is the product's store on PostgreSQL.
type postgresEngine struct {
	productEngine
	url string
}

func openPostgres(ctx context.Context, url string) (*postgresEngine, error) {
	store, err := postgres.Open(ctx, postgres.Options{URL: url, AutoRegister: true})
	if err != nil {
		return nil, err
	}
	return &postgresEngine{productEngine{Store: store}, url}, nil
}

func (e *postgresEngine) settle(context.Context) error { return nil }

func (e *postgresEngine) size(ctx context.Context) (int64, error) { return databaseSize(ctx, e.url) }

// databaseSize returns the size of a PostgreSQL database.
func databaseSize(ctx context.Context, url string) (size int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&size)
	return size, err
}

// sleep waits for d. If ctx ends first, it returns the cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
