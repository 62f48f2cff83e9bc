package postgres

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// unexpired is the SQL condition that the reading l of the series s has not
// expired. $1 is the current time, $2 the expiry of series with the default
// retention.
const unexpired = `l.at >= CASE WHEN s.retention = 0 THEN $2::bigint WHEN s.retention < 0 THEN (-9223372036854775808)::bigint
	ELSE $1::bigint - s.retention / 1000000 END`

// Latest implements factory.Store.
func (s *Store) Latest(ctx context.Context, q factory.LatestQuery) (page factory.LatestPage, err error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	after, err := latestCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	return query(ctx, s, "latest", func(ctx context.Context, tx pgx.Tx) (page factory.LatestPage, err error) {
		if q.Machine != "" && !storableName(q.Machine) || q.Metric != "" && !storableName(q.Metric) {
			return page, nil
		}
		now := s.options.nowMillis()
		rows, err := tx.Query(ctx, `
			SELECT s.machine, s.metric, l.at, l.value, s.unit
			FROM series s JOIN machine m ON m.id = s.machine JOIN latest l ON l.series_id = s.id
			WHERE NOT m.deleted AND ($3 = '' OR s.machine = $3) AND ($4 = '' OR s.metric = $4)
				AND (s.machine, s.metric) > ($5, $6) AND `+unexpired+`
			ORDER BY s.machine, s.metric LIMIT $7`,
			now, s.options.expiry(0, now), q.Machine, q.Metric, after.Machine, after.Metric, limitPlusOne(q.Limit))
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
			page.NextCursor = latestCursor.Encode(store.Position{Key: key{Machine: last.Machine, Metric: last.Metric}})
		}
		return page, err
	})
}

// limitPlusOne is the number of rows to request: one more than limit shows that
// there is a next page.
func limitPlusOne(limit int) int64 { return int64(min(limit, 1<<40)) + 1 }
