package main

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
)

// Names of the engines on the command line.
const (
	sqliteName   = "sqlite"   // the product's
	rowsName     = "rows"     // SQLite with one row per point
	postgresName = "postgres" // the product's
	copyName     = "copy"     // PostgreSQL with one plain table filled by COPY
)

var engineNames = []string{sqliteName, rowsName, postgresName, copyName}

// engine is a store under test. Only append and the queries may be called
// concurrently, and append by one caller at a time.
type engine interface {
	// append returns when the readings are durable. It does not keep their
	// strings.
	append(ctx context.Context, readings []factory.Reading) error
	// raw reads the points of a series in [from, to) and returns their number.
	raw(ctx context.Context, machine, metric string, from, to int64) (int, error)
	// buckets aggregates all points of a series into buckets of span milliseconds
	// with minimum, maximum, mean, sum and count, and returns their number.
	buckets(ctx context.Context, machine, metric string, span int64) (int, error)
	// latest reads the newest point of each of n series and returns their number.
	latest(ctx context.Context, n int) (int, error)
	// settle waits until background work on the appended data is done.
	settle(ctx context.Context) error
	// size returns the bytes on the disk, without free space in the files, after
	// settle.
	size(ctx context.Context) (int64, error)
	close() error
}

// open opens the engine of the settings.
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

// seriesKey identifies a series.
type seriesKey struct{ machine, metric string }
