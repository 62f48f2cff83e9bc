package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// storable reports whether a column can hold all the texts.
func storable(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}

// Document implements factory.Journal.
func (s *Store) Document(ctx context.Context, kind factory.DocumentKind, id string) (factory.Document, error) {
	if isRegistryKind(kind) {
		return s.registryDocument(ctx, kind, id)
	}
	return query(ctx, s, "document", func(ctx context.Context, tx pgx.Tx) (found factory.Document, err error) {
		if !storable(string(kind), id) {
			return found, store.DocumentNotFound(kind, id)
		}
		rows, err := tx.Query(ctx, "SELECT "+documentColumns+" FROM document WHERE kind = $1 AND id = $2 AND NOT deleted", string(kind), id)
		if err != nil {
			return found, err
		}
		exists := false
		if err := eachDocument(rows, func(d factory.Document) { found, exists = d, true }); err != nil {
			return found, err
		}
		if !exists {
			return found, store.DocumentNotFound(kind, id)
		}
		return found, nil
	})
}

// documentPage is the number of documents that one statement of Documents reads.
const documentPage = 1000

// Documents implements factory.Journal.
func (s *Store) Documents(ctx context.Context, q factory.DocumentQuery) (page factory.DocumentPage, err error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	after, err := documentCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	if isRegistryKind(q.Kind) {
		return s.registryDocuments(ctx, q, after.Machine)
	}
	return query(ctx, s, "documents", func(ctx context.Context, tx pgx.Tx) (page factory.DocumentPage, err error) {
		if !storable(string(q.Kind)) {
			return page, nil
		}
		for last, more := after.Machine, true; more; {
			rows, err := tx.Query(ctx, "SELECT "+documentColumns+` FROM document
				WHERE kind = $1 AND id > $2 AND id >= $3 ORDER BY id LIMIT $4`,
				string(q.Kind), last, validUTF8Prefix(q.Prefix), documentPage)
			if err != nil {
				return page, err
			}
			n := 0
			err = eachDocument(rows, func(d factory.Document) {
				n++
				last = d.ID
				if len(page.Documents) <= q.Limit && !d.Deleted && strings.HasPrefix(d.ID, q.Prefix) && store.HasMembers(d.Data, q.Members) {
					page.Documents = append(page.Documents, d)
				}
			})
			if err != nil {
				return page, err
			}
			more = n == documentPage && len(page.Documents) <= q.Limit && strings.HasPrefix(last, q.Prefix)
		}
		if len(page.Documents) > q.Limit {
			page.Documents = page.Documents[:q.Limit]
			page.NextCursor = documentCursor.Encode(store.Position{Key: key{Machine: page.Documents[q.Limit-1].ID}})
		}
		return page, nil
	})
}

// Events implements factory.Journal.
func (s *Store) Events(ctx context.Context, q factory.EventQuery) (page factory.EventPage, err error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	after, err := store.DecodeEventCursor(eventCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	last := q.To
	if last != math.MaxInt64 {
		last-- // the bound of the statement is inclusive
	}
	if after == nil {
		after = &factory.Event{ObservedAt: math.MinInt64, Seq: -1}
		if q.Descending {
			after = &factory.Event{ObservedAt: math.MaxInt64, Seq: math.MaxInt64}
		}
	}
	return query(ctx, s, "events", func(ctx context.Context, tx pgx.Tx) (page factory.EventPage, err error) {
		if !storable(append(kindTexts(q.Kinds), q.Machine, q.Subject)...) || q.From > last {
			return page, nil
		}
		c := conditions{}
		source := "event AS e WHERE "
		if q.Machine != "" {
			c.add("e.machine = %s", q.Machine)
			c.addKinds(q.Kinds)
		} else {
			source = "(" + c.kinds(q.Kinds) + ") AS k (kind), LATERAL (SELECT * FROM event AS e WHERE e.kind = k.kind AND "
		}
		c.add("e.ts >= %s", q.From)
		c.add("e.ts <= %s", last)
		if q.Subject != "" {
			c.add("e.subject = %s", q.Subject)
		}
		order, relation := "e.ts, e.seq", ">"
		if q.Descending {
			order, relation = "e.ts DESC, e.seq DESC", "<"
		}
		c.add("e.ts "+relation+"= %s", after.ObservedAt)
		c.add("(e.ts, e.seq) "+relation+" (%s, "+c.param(after.Seq)+")", after.ObservedAt)
		ordered := " ORDER BY " + order + " LIMIT " + c.param(limitPlusOne(q.Limit))
		source += c.text + " AND " + inForce("e") + ordered
		if q.Machine == "" {
			source += ") AS e" + ordered
		}
		rows, err := tx.Query(ctx, "SELECT "+eventColumns+" FROM "+source, c.params...)
		if err != nil {
			return page, err
		}
		if page.Events, err = collectEvents(rows); err == nil && len(page.Events) > q.Limit {
			page.Events = page.Events[:q.Limit]
			page.NextCursor = store.EncodeEventCursor(eventCursor, page.Events[q.Limit-1])
		}
		return page, err
	})
}

// conditions collects the conditions of a statement and their parameters.
type conditions struct {
	text   string
	params []any
}

// param adds a parameter and returns its name.
func (c *conditions) param(value any) string {
	c.params = append(c.params, value)
	return fmt.Sprintf("$%d", len(c.params))
}

// add adds a condition on one parameter.
func (c *conditions) add(format string, value any) {
	if c.text != "" {
		c.text += " AND "
	}
	c.text += fmt.Sprintf(format, c.param(value))
}

func (c *conditions) addKinds(kinds []factory.EventKind) {
	switch texts := kindTexts(kinds); {
	case len(texts) == 1:
		c.add("e.kind = %s", texts[0])
	case len(texts) > 1:
		c.add("e.kind = ANY(%s)", texts)
	}
}

// kinds returns a query for the given kinds, or for all kinds of which there are
// events if none is given. An index has the events of one kind in order of time, but
// not those of several.
func (c *conditions) kinds(kinds []factory.EventKind) string {
	if len(kinds) > 0 {
		return "SELECT DISTINCT unnest(" + c.param(kindTexts(kinds)) + "::text[])"
	}
	return `
		WITH RECURSIVE k AS (
			SELECT min(kind) AS kind FROM event
			UNION ALL
			SELECT (SELECT min(kind) FROM event WHERE kind > k.kind) FROM k WHERE k.kind IS NOT NULL
		)
		SELECT kind FROM k WHERE kind IS NOT NULL`
}

func kindTexts(kinds []factory.EventKind) (texts []string) {
	for _, kind := range kinds {
		texts = append(texts, string(kind))
	}
	return texts
}

// LatestEvents implements factory.Journal. It steps through the index from one subject
// to the next.
func (s *Store) LatestEvents(ctx context.Context, q factory.LatestEventQuery) ([]factory.Event, error) {
	last := int64(math.MaxInt64)
	if q.Before != 0 {
		last = q.Before - 1
	}
	return query(ctx, s, "latest events", func(ctx context.Context, tx pgx.Tx) ([]factory.Event, error) {
		if !storable(string(q.Kind), q.Machine, q.Subject) {
			return nil, nil
		}
		subjects := "SELECT $3::text, $4::text"
		if q.Machine == "" || q.Subject == "" {
			// A condition on (machine, subject) together with one on machine would not
			// be used to find the next subject.
			first, next := "true", "(machine, subject) > (s.machine, s.subject)"
			if q.Machine != "" {
				first, next = "machine = $3", "machine = $3 AND subject > s.subject"
			}
			subjects = `
				WITH RECURSIVE s AS (
					(SELECT machine, subject FROM event WHERE kind = $1 AND ` + first + ` ORDER BY machine, subject LIMIT 1)
					UNION ALL
					SELECT n.machine, n.subject FROM s, LATERAL (
						SELECT machine, subject FROM event WHERE kind = $1 AND ` + next + ` ORDER BY machine, subject LIMIT 1
					) AS n
				)
				SELECT machine, subject FROM s WHERE ($3 = '' OR machine = $3) AND ($4 = '' OR subject = $4)`
		}
		rows, err := tx.Query(ctx, `
			SELECT `+eventColumns+` FROM (`+subjects+`) AS s (machine, subject), LATERAL (
				SELECT * FROM event AS e
				WHERE e.kind = $1 AND e.machine = s.machine AND e.subject = s.subject AND e.ts <= $2 AND `+inForce("e")+`
				ORDER BY e.ts DESC, e.seq DESC LIMIT 1
			) AS e ORDER BY e.machine, e.subject`, string(q.Kind), last, q.Machine, q.Subject)
		if err != nil {
			return nil, err
		}
		return collectEvents(rows)
	})
}

// EventsAfter implements factory.Journal.
func (s *Store) EventsAfter(ctx context.Context, q factory.LogQuery) ([]factory.Event, error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return nil, err
	}
	return query(ctx, s, "events", func(ctx context.Context, tx pgx.Tx) ([]factory.Event, error) {
		if !storable(append(kindTexts(q.Kinds), q.Machine)...) {
			return nil, nil
		}
		c := conditions{}
		c.add("e.seq > %s", q.After)
		if q.Machine != "" {
			c.add("e.machine = %s", q.Machine)
		}
		c.addKinds(q.Kinds)
		rows, err := tx.Query(ctx, "SELECT "+eventColumns+" FROM event AS e WHERE "+c.text+
			" ORDER BY e.seq LIMIT "+c.param(int64(min(q.Limit, 1<<40))), c.params...)
		if err != nil {
			return nil, err
		}
		return collectEvents(rows)
	})
}

// LastSeq implements factory.Journal.
func (s *Store) LastSeq(ctx context.Context) (int64, error) {
	return query(ctx, s, "last event", func(ctx context.Context, tx pgx.Tx) (last int64, err error) {
		err = tx.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM event").Scan(&last)
		return last, err
	})
}
