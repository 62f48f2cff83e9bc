package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// tryCommit commits the batches of group in one transaction, with retries, and returns
// the seq of the last event. A batch that the rules refuse does not affect the others.
func (j *journal) tryCommit(group []*journalRequest) (last int64, err error) {
	defer store.RecoverAs(&err)
	s := j.store
	ctx, cancel := s.options.statementContext(context.Background())
	defer cancel()
	reconnected := false
	for attempt := 1; ; attempt++ {
		t := &journalTransaction{journal: j, group: group}
		err = t.run(ctx)
		if err == nil {
			return t.index.LastSeq, nil
		}
		if isConnectionError(err) && !reconnected {
			// The server has restarted, or a pooled connection is broken.
			s.writePool.Reset()
			reconnected = true
			if t.committing {
				committed, statusErr := t.wasCommitted(ctx)
				if statusErr != nil {
					return 0, errors.Join(err, statusErr)
				}
				if committed {
					return t.index.LastSeq, nil
				}
			}
			continue
		}
		if !isRetryable(err) || attempt >= maxAttempts || ctx.Err() != nil {
			return 0, err
		}
	}
}

// journalTransaction is one attempt to commit a group. It holds lockJournal until its
// end, so nobody else changes what it has looked up.
type journalTransaction struct {
	journal    *journal
	group      []*journalRequest
	index      *store.JournalIndex
	documents  map[store.DocumentKey]*factory.Document // as they were
	id         string                                  // of the transaction
	committing bool                                    // the commit was sent
}

func (t *journalTransaction) run(ctx context.Context) error {
	s := t.journal.store
	conn, err := s.acquire(ctx, s.writePool)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.BeginTx(ctx, readWrite)
	if err != nil {
		return err
	}
	defer func() {
		if !t.committing {
			rollbackCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), responseGrace)
			defer cancel()
			_ = tx.Rollback(rollbackCtx)
		}
	}()
	if err := t.lookUp(ctx, tx); err != nil {
		return err
	}
	events := t.apply()
	if err := t.write(ctx, tx, events); err != nil {
		return err
	}
	t.committing = true
	commit := func() error { return tx.Commit(ctx) }
	if s.options.aroundCommit != nil {
		return s.options.aroundCommit(commit)
	}
	return commit()
}

// lookUp takes the lock and reads what the batches refer to, in one round trip. Each
// statement sees what was committed before it begins, so the lock comes first.
func (t *journalTransaction) lookUp(ctx context.Context, tx pgx.Tx) error {
	s, x := t.journal.store, store.NewJournalIndex()
	t.index = x
	var kinds, ids, machines, eventIDs, replaceMachines, replaces, followMachines []string
	var follows []int64
	for _, r := range t.group {
		for i := range r.batch.Documents {
			kinds, ids = append(kinds, string(r.batch.Documents[i].Kind)), append(ids, r.batch.Documents[i].ID)
		}
		for i := range r.batch.Events {
			e := &r.batch.Events[i]
			machines, eventIDs = append(machines, e.Machine), append(eventIDs, e.ID)
			if e.Replaces != "" {
				machines, eventIDs = append(machines, e.Machine), append(eventIDs, e.Replaces)
				replaceMachines, replaces = append(replaceMachines, e.Machine), append(replaces, e.Replaces)
			}
			if e.Follows != 0 {
				followMachines, follows = append(followMachines, e.Machine), append(follows, e.Follows)
			}
		}
	}
	batch := &pgx.Batch{}
	// Everybody waits for a process that hangs while it holds the lock.
	batch.Queue(fmt.Sprintf("SET LOCAL idle_in_transaction_session_timeout = %d", s.options.StatementTimeout.Milliseconds()/2))
	batch.Queue("SELECT pg_advisory_xact_lock(" + lockKeySQL(lockJournal) + ")")
	batch.Queue("SELECT coalesce(max(seq), 0), pg_current_xact_id()::text FROM event").QueryRow(func(row pgx.Row) error {
		return row.Scan(&x.LastSeq, &t.id)
	})
	if len(ids) > 0 {
		batch.Queue("SELECT "+documentColumns+" FROM document WHERE (kind, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))", kinds, ids).
			Query(func(rows pgx.Rows) error {
				return eachDocument(rows, func(d factory.Document) {
					x.Documents[store.DocumentKey{Kind: d.Kind, ID: d.ID}] = &d
				})
			})
	}
	if len(eventIDs) > 0 {
		batch.Queue(`
			SELECT `+eventColumns+` FROM unnest($1::text[], $2::text[]) AS q (machine, id)
			JOIN event AS e ON e.machine = q.machine AND e.id = q.id`, machines, eventIDs).
			Query(func(rows pgx.Rows) error {
				events, err := collectEvents(rows)
				for _, e := range events {
					x.Events[store.EventKey{Machine: e.Machine, ID: e.ID}] = e
				}
				return err
			})
	}
	if len(replaces) > 0 {
		batch.Queue(`
			SELECT q.machine, q.id FROM unnest($1::text[], $2::text[]) AS q (machine, id)
			JOIN event AS e ON e.machine = q.machine AND e.replaces = q.id AND e.replaces <> ''`, replaceMachines, replaces).
			Query(func(rows pgx.Rows) error {
				var k store.EventKey
				_, err := pgx.ForEachRow(rows, []any{&k.Machine, &k.ID}, func() error { x.Replaced[k] = true; return nil })
				return err
			})
	}
	if len(follows) > 0 {
		batch.Queue(`
			SELECT q.machine, q.follows FROM unnest($1::text[], $2::bigint[]) AS q (machine, follows)
			JOIN event AS e ON e.machine = q.machine AND e.follows = q.follows AND e.follows <> 0`, followMachines, follows).
			Query(func(rows pgx.Rows) error {
				var k store.FollowKey
				_, err := pgx.ForEachRow(rows, []any{&k.Machine, &k.Seq}, func() error { x.Followed[k] = true; return nil })
				return err
			})
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	t.documents = maps.Clone(x.Documents)
	return nil
}

// apply decides about each batch and returns the events to append.
func (t *journalTransaction) apply() (events []factory.Event) {
	now := t.journal.store.options.nowMillis()
	for _, r := range t.group {
		r.result, r.refused = t.index.Apply(r.batch, now)
		for i := range r.result.Events {
			if !r.result.Events[i].Repeated {
				events = append(events, r.result.Events[i].Event)
			}
		}
	}
	return events
}

// write stores the events and the documents that have changed, and notifies the other
// processes, in one round trip.
func (t *journalTransaction) write(ctx context.Context, tx pgx.Tx, events []factory.Event) error {
	batch := &pgx.Batch{}
	if len(events) > 0 {
		batch.Queue("INSERT INTO event ("+eventColumnNames+`)
			SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
				$7::text[], $8::text[], $9::text[], $10::bigint[], $11::bytea[])`, eventArrays(events)...)
		batch.Queue("SELECT pg_notify($1, $2)", t.journal.channel, strconv.FormatInt(t.index.LastSeq, 10))
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.index.Documents), compareKeys) {
		d := t.index.Documents[k]
		if d == t.documents[k] {
			continue
		}
		batch.Queue(`
			INSERT INTO document (`+documentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, created_at = excluded.created_at,
				updated_at = excluded.updated_at, deleted = excluded.deleted, data = excluded.data`,
			string(d.Kind), d.ID, d.Version, d.CreatedAt, d.UpdatedAt, d.Deleted, d.Data)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

// wasCommitted reports, after the connection was lost during the commit, whether the
// server has committed the transaction. It waits while the server still works on it.
func (t *journalTransaction) wasCommitted(ctx context.Context) (bool, error) {
	s := t.journal.store
	for {
		var status *string
		conn, err := s.acquire(ctx, s.writePool)
		if err != nil {
			return false, err
		}
		err = conn.QueryRow(ctx, "SELECT pg_xact_status($1::text::xid8)", t.id).Scan(&status)
		conn.Release()
		if err != nil {
			return false, err
		}
		if status == nil || *status != "in progress" {
			return status != nil && *status == "committed", nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
