package postgres

import (
	"context"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// unexpired is the condition that the reading l of the series s has not
// expired; $1 is now, $2 the expiry of those without a retention of their own.
const unexpired = `l.at >= CASE WHEN s.retention = 0 THEN $2::bigint WHEN s.retention < 0 THEN (-9223372036854775808)::bigint
	ELSE $1::bigint - s.retention / 1000000 END`

// Latest implements factory.Store.
func (s *Store) Latest(ctx context.Context, q factory.LatestQuery) (page factory.LatestPage, err error) {
	end, err := s.beginQuery(ctx)
	if err != nil {
		return page, err
	}
	defer end()
	if err := requireAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	var after position
	if q.Cursor != "" {
		if after, err = decodeCursor(latestCursor, q.Cursor); err != nil {
			return page, err
		}
	}
	if q.Machine != "" && !storableName(q.Machine) || q.Metric != "" && !storableName(q.Metric) {
		return page, nil
	}
	err = s.query(ctx, "latest", func(ctx context.Context, tx pgx.Tx) (err error) {
		page, err = s.latestPage(ctx, tx, q, after)
		return err
	})
	if err != nil {
		return factory.LatestPage{}, err
	}
	return page, nil
}

func (s *Store) latestPage(ctx context.Context, tx pgx.Tx, q factory.LatestQuery, after position) (page factory.LatestPage, err error) {
	now := s.options.nowMillis()
	rows, err := tx.Query(ctx, `
		SELECT s.machine, s.metric, l.at, l.value, s.unit
		FROM series s JOIN machine m ON m.id = s.machine JOIN latest l ON l.series_id = s.id
		WHERE NOT m.deleted AND ($3 = '' OR s.machine = $3) AND ($4 = '' OR s.metric = $4)
			AND (s.machine, s.metric) > ($5, $6) AND `+unexpired+`
		ORDER BY s.machine, s.metric LIMIT $7`,
		now, s.options.expiry(0, now), q.Machine, q.Metric, after.machine, after.metric, limitPlusOne(q.Limit))
	if err != nil {
		return page, err
	}
	var one factory.LatestReading
	_, err = pgx.ForEachRow(rows, []any{&one.Machine, &one.Metric, &one.ObservedAt, &one.Value, &one.Unit}, func() error {
		page.Readings = append(page.Readings, one)
		return nil
	})
	if err == nil && len(page.Readings) > q.Limit {
		page.Readings = page.Readings[:q.Limit]
		last := page.Readings[q.Limit-1]
		page.NextCursor = encodeCursor(latestCursor, position{key: key{last.Machine, last.Metric}})
	}
	return page, err
}

// oneMore is limit and one, which tells whether there is a next page.
func limitPlusOne(limit int) int64 { return int64(min(limit, 1<<40)) + 1 }
