package main

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"smart-factory-backend/app/factory"
)

// copyEngine is PostgreSQL with one plain table filled by COPY, its fastest way to
// insert. COPY refuses a point that exists. The series are kept in memory.
type copyEngine struct {
	url    string
	pool   *pgxpool.Pool
	series map[seriesKey]int64
	next   int64
}

func openCopy(ctx context.Context, url string) (*copyEngine, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `
		CREATE TABLE series (id bigint PRIMARY KEY, machine text NOT NULL, metric text NOT NULL, UNIQUE (machine, metric));
		CREATE TABLE reading (series_id bigint, at bigint, value double precision NOT NULL, PRIMARY KEY (series_id, at))`)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &copyEngine{url: url, pool: pool, series: make(map[seriesKey]int64)}, nil
}

func (c *copyEngine) append(ctx context.Context, readings []factory.Reading) error {
	ids := make([]int64, len(readings))
	for i := range readings {
		k := seriesKey{readings[i].Machine, readings[i].Metric}
		if c.series[k] == 0 {
			k = seriesKey{strings.Clone(k.machine), strings.Clone(k.metric)}
			c.next++
			if _, err := c.pool.Exec(ctx, "INSERT INTO series (id, machine, metric) VALUES ($1, $2, $3)", c.next, k.machine, k.metric); err != nil {
				return err
			}
			c.series[k] = c.next
		}
		ids[i] = c.series[k]
	}
	values := make([]any, 3)
	_, err := c.pool.CopyFrom(ctx, pgx.Identifier{"reading"}, []string{"series_id", "at", "value"},
		pgx.CopyFromSlice(len(readings), func(i int) ([]any, error) {
			values[0], values[1], values[2] = ids[i], readings[i].ObservedAt, readings[i].Value
			return values, nil
		}))
	return err
}

func (c *copyEngine) raw(ctx context.Context, machine, metric string, from, to int64) (int, error) {
	found, err := c.pool.Query(ctx, "SELECT at, value FROM reading WHERE series_id = $1 AND at >= $2 AND at < $3 ORDER BY at",
		c.series[seriesKey{machine, metric}], from, to)
	if err != nil {
		return 0, err
	}
	var points []factory.Point
	var p factory.Point
	_, err = pgx.ForEachRow(found, []any{&p.ObservedAt, &p.Value}, func() error {
		points = append(points, p)
		return nil
	})
	return len(points), err
}

func (c *copyEngine) buckets(ctx context.Context, machine, metric string, span int64) (n int, err error) {
	found, err := c.pool.Query(ctx, `SELECT at / $1::bigint, min(value), max(value), avg(value), sum(value), count(*)
		FROM reading WHERE series_id = $2 GROUP BY 1 ORDER BY 1`, span, c.series[seriesKey{machine, metric}])
	if err != nil {
		return 0, err
	}
	var b bucket
	_, err = pgx.ForEachRow(found, []any{&b.at, &b.min, &b.max, &b.mean, &b.sum, &b.count}, func() error {
		n++
		return nil
	})
	return n, err
}

func (c *copyEngine) latest(ctx context.Context, _ int) (int, error) {
	found, err := c.pool.Query(ctx, `SELECT s.machine, s.metric, r.at, r.value FROM series s
		CROSS JOIN LATERAL (SELECT at, value FROM reading WHERE series_id = s.id ORDER BY at DESC LIMIT 1) r
		ORDER BY s.machine, s.metric`)
	if err != nil {
		return 0, err
	}
	var all []factory.Reading
	var one factory.Reading
	_, err = pgx.ForEachRow(found, []any{&one.Machine, &one.Metric, &one.ObservedAt, &one.Value}, func() error {
		all = append(all, one)
		return nil
	})
	return len(all), err
}

// settle updates the planner's statistics, as autovacuum would do later.
func (c *copyEngine) settle(ctx context.Context) error {
	_, err := c.pool.Exec(ctx, "ANALYZE reading")
	return err
}

func (c *copyEngine) size(ctx context.Context) (int64, error) { return databaseSize(ctx, c.url) }

func (c *copyEngine) close() error {
	c.pool.Close()
	return nil
}
