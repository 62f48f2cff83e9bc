package main

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
)

// Names of the engines.
const (
	sqliteName   = "sqlite"   // ours
	rowsName     = "rows"     // SQLite with a row for each point
	postgresName = "postgres" // ours
	copyName     = "copy"     // PostgreSQL with one plain table, filled by COPY
)

var engineNames = []string{sqliteName, rowsName, postgresName, copyName}

// engine is a store as far as the jobs need one. Only append and the queries
// may be called concurrently, and append by one caller at a time.
type engine interface {
	// append returns when the readings are durable. Their strings are valid
	// until then.
	append(ctx context.Context, readings []factory.Reading) error
	// raw reads the points of a series from from to to into memory and returns
	// how many there were.
	raw(ctx context.Context, machine, metric string, from, to int64) (int, error)
	// buckets reads the spans of so many milliseconds of all points of a series,
	// with least, largest, mean, sum and count, and returns how many there were.
	buckets(ctx context.Context, machine, metric string, span int64) (int, error)
	// latest reads the newest point of each of n series.
	latest(ctx context.Context, n int) (int, error)
	// settle returns when all that was appended is where it stays.
	settle(ctx context.Context) error
	// size is what the data take on the disk, without space that is free for
	// what comes next. The store has settled.
	size(ctx context.Context) (int64, error)
	close() error
}

// open opens the engine that the settings name.
func open(ctx context.Context, s settings) (engine, error) {
	switch s.engine {
	case sqliteName:
		return openSQLite(ctx, s.path)
	case rowsName:
		return openRows(ctx, s.path)
	case postgresName:
		return openPostgres(ctx, s.url)
	case copyName:
		return openCopy(ctx, s.url)
	}
	return nil, fmt.Errorf("no engine %q", s.engine)
}

// key names a series.
type seriesKey struct{ machine, metric string }
