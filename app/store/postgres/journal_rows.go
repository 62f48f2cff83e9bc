package postgres

import (
	"cmp"
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

const (
	documentColumns  = "kind, id, version, created_at, updated_at, deleted, data"
	eventColumnNames = "seq, machine, kind, subject, ts, received, id, author, replaces, follows, data"
	eventColumns     = "e.seq, e.machine, e.kind, e.subject, e.ts, e.received, e.id, e.author, e.replaces, e.follows, e.data"
)

// inForce returns the condition that no event replaces the event with an alias. The
// planner would join with NOT EXISTS, and without current statistics compare each
// event with all replacements.
func inForce(alias string) string {
	return "(SELECT r.seq FROM event AS r WHERE r.machine = " + alias + ".machine AND r.replaces = " + alias + ".id AND r.replaces <> '') IS NULL"
}

// appendAudit appends an event with a new ID in a transaction of the registry.
func (j *journal) appendAudit(ctx context.Context, tx pgx.Tx, e factory.Event) error {
	batch := &pgx.Batch{}
	batch.Queue("SELECT pg_advisory_xact_lock(" + lockKeySQL(lockJournal) + ")") // before the statement that needs it
	batch.Queue("INSERT INTO event ("+eventColumnNames+`)
		SELECT coalesce(max(seq), 0) + 1, $1, $2, $3, $4, $5, $6, $7, '', 0, $8 FROM event`,
		e.Machine, string(e.Kind), e.Subject, e.ObservedAt, e.ReceivedAt, e.ID, e.By, e.Data)
	batch.Queue("SELECT pg_notify($1, max(seq) || $2) FROM event", j.channel, registryChanged)
	return tx.SendBatch(ctx, batch).Close()
}

// eachDocument calls f for each row of documentColumns.
func eachDocument(rows pgx.Rows, f func(factory.Document)) error {
	var d factory.Document
	_, err := pgx.ForEachRow(rows, []any{&d.Kind, &d.ID, &d.Version, &d.CreatedAt, &d.UpdatedAt, &d.Deleted, &d.Data}, func() error {
		f(d)
		d.Data = nil // belongs to the document now
		return nil
	})
	return err
}

// collectEvents returns the events in rows of eventColumns.
func collectEvents(rows pgx.Rows) (events []factory.Event, err error) {
	var e factory.Event
	targets := []any{&e.Seq, &e.Machine, &e.Kind, &e.Subject, &e.ObservedAt, &e.ReceivedAt, &e.ID, &e.By, &e.Replaces, &e.Follows, &e.Data}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		events = append(events, e)
		e.Data = nil // belongs to the event now
		return nil
	})
	return events, err
}

// eventArrays returns the columns of events as the arrays of one statement.
func eventArrays(events []factory.Event) []any {
	n := len(events)
	seqs, times, received, follows := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	machines, kinds, subjects := make([]string, n), make([]string, n), make([]string, n)
	ids, authors, replaces, data := make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	for i, e := range events {
		seqs[i], times[i], received[i], follows[i] = e.Seq, e.ObservedAt, e.ReceivedAt, e.Follows
		machines[i], kinds[i], subjects[i] = e.Machine, string(e.Kind), e.Subject
		ids[i], authors[i], replaces[i], data[i] = e.ID, e.By, e.Replaces, e.Data
	}
	return []any{seqs, machines, kinds, subjects, times, received, ids, authors, replaces, follows, data}
}

func compareKeys(a, b store.DocumentKey) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}
