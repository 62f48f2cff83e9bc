package postgres

import (
	"context"
	"fmt"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

const (
	// expiryBatch is the number of events that one statement looks at.
	expiryBatch = 5000
	// expiryBudget limits the time that a round spends on the events of one kind.
	expiryBudget = 5 * time.Second
)

// deleteExpiredEvents deletes expired events; see store.EventRetention. Events expire
// in the order of seq, except for differences between the clocks of replicas.
func (s *Store) deleteExpiredEvents(ctx context.Context, conn *pgx.Conn, m *maintenanceState) error {
	for _, limit := range s.options.EventRetention.Limited() {
		before := s.options.nowMillis() - limit.Age.Milliseconds()
		began := time.Now()
		for more := true; more && time.Since(began) < expiryBudget; {
			var err error
			if more, err = deleteSuperseded(ctx, conn, limit.Kind, before, m.expiredEvents); err != nil {
				return fmt.Errorf("%s: %w", limit.Kind, err)
			}
		}
	}
	return nil
}

// supersededEvents deletes the expired events of kind $1 before other expired ones,
// namely those of the same subjects among the $4 events after seq $3. The event that
// an expired one has superseded is the only one that still counts. An event that
// replaces another one stays as long as that one does, which would be in force again.
var supersededEvents = `
	WITH batch AS (
		SELECT seq, kind, machine, subject, ts, received, id FROM event WHERE seq > $3 ORDER BY seq LIMIT $4
	), expired AS (
		SELECT e.machine, e.subject, max(e.ts) AS ts FROM batch AS e
		WHERE e.kind = $1 AND e.received < $2 AND ` + inForce("e") + ` GROUP BY e.machine, e.subject
	), deleted AS (
		DELETE FROM event AS e USING expired AS x
		WHERE e.kind = $1 AND e.machine = x.machine AND e.subject = x.subject AND e.ts <= x.ts AND e.received < $2
			AND e.seq < (SELECT max(seq) FROM event)
			AND (e.replaces = '' OR (SELECT o.seq FROM event AS o WHERE o.machine = e.machine AND o.id = e.replaces) IS NULL)
			AND (
				SELECT n.seq FROM event AS n WHERE n.kind = $1 AND n.machine = e.machine AND n.subject = e.subject
				AND (n.ts, n.seq) > (e.ts, e.seq) AND n.ts <= x.ts AND n.received < $2 AND ` + inForce("n") + ` ORDER BY n.ts, n.seq LIMIT 1
			) IS NOT NULL
		RETURNING e.seq
	)
	SELECT coalesce(max(seq), 0), coalesce(bool_and(received < $2 AND seq < (SELECT max(seq) FROM event)), false),
		EXISTS (SELECT FROM deleted) FROM batch`

// deleteSuperseded deletes among the next events after those known to have expired. It
// reports whether there may be more.
func deleteSuperseded(ctx context.Context, conn *pgx.Conn, kind factory.EventKind, before int64, expired map[factory.EventKind]int64) (more bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Whatever the statistics say, only the events of a few subjects are read.
		for _, node := range append(disabledPlanNodes[:], "enable_hashjoin", "enable_mergejoin") {
			if _, err := tx.Exec(ctx, "SET LOCAL "+node+" = off"); err != nil {
				return err
			}
		}
		var last int64
		var all, deleted bool
		err := tx.QueryRow(ctx, supersededEvents, string(kind), before, expired[kind], expiryBatch).Scan(&last, &all, &deleted)
		if all && !deleted { // otherwise the originals of replacements may be gone now
			expired[kind] = last
		}
		more = all || deleted
		return err
	})
	return more, err
}
