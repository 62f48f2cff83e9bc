package sqlite

import (
	"context"
	"database/sql/driver"
	"math"
	"slices"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// readJournal calls read with a connection that sees what is committed.
func (s *Store) readJournal(ctx context.Context, limit int, read func(c *conn) error) error {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, limit); err != nil {
		return err
	}
	c, err := s.readers.get(ctx)
	if err != nil {
		return store.Unavailable("read the journal", err)
	}
	err = read(c)
	s.readers.put(c, err != nil)
	if err != nil {
		return store.Unavailable("read the journal", err)
	}
	return nil
}

// Document implements factory.Journal.
func (s *Store) Document(ctx context.Context, kind factory.DocumentKind, id string) (factory.Document, error) {
	var found *factory.Document
	err := s.readJournal(ctx, 1, func(c *conn) (err error) {
		found, err = findDocument(c, kind, id)
		return err
	})
	if err != nil {
		return factory.Document{}, err
	}
	if found == nil || found.Deleted {
		return factory.Document{}, store.DocumentNotFound(kind, id)
	}
	return *found, nil
}

// Documents implements factory.Journal.
func (s *Store) Documents(ctx context.Context, q factory.DocumentQuery) (page factory.DocumentPage, err error) {
	after, err := documentCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	err = s.readJournal(ctx, q.Limit, func(c *conn) error {
		return c.query(selectDocuments+"WHERE kind = ? AND id > ? AND id >= ? ORDER BY id", func(v []driver.Value) error {
			d := scanDocument(v)
			if !strings.HasPrefix(d.ID, q.Prefix) {
				return errStop
			}
			if d.Deleted || !store.HasMembers(d.Data, q.Members) {
				return ctx.Err()
			}
			if len(page.Documents) == q.Limit {
				page.NextCursor = documentCursor.Encode(store.Position{Key: key{Machine: page.Documents[q.Limit-1].ID}})
				return errStop
			}
			page.Documents = append(page.Documents, d)
			return ctx.Err()
		}, string(q.Kind), after.Machine, q.Prefix)
	})
	if err != nil {
		return factory.DocumentPage{}, err
	}
	return page, nil
}

// The conditions of Events in both directions. ?1 and ?2 limit the time; ?3 and ?4 are
// the time and the seq of the cursor.
const (
	inForce        = " AND NOT EXISTS (SELECT 1 FROM event AS r WHERE r.machine = e.machine AND r.replaces = e.id AND r.replaces <> '')"
	ascendingFrom  = "ts >= ?1 AND ts <= ?2 AND (ts, seq) > (?3, ?4)" + inForce + " ORDER BY ts, seq"
	descendingFrom = "ts >= ?1 AND ts <= ?2 AND (ts, seq) < (?3, ?4)" + inForce + " ORDER BY ts DESC, seq DESC"
)

// Events implements factory.Journal.
func (s *Store) Events(ctx context.Context, q factory.EventQuery) (page factory.EventPage, err error) {
	after, err := store.DecodeEventCursor(eventCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	last := q.To
	if last != math.MaxInt64 {
		last-- // ?2 is inclusive
	}
	if q.From > last {
		return page, s.readJournal(ctx, q.Limit, func(*conn) error { return nil })
	}
	if after == nil {
		after = &factory.Event{ObservedAt: math.MinInt64, Seq: -1}
		if q.Descending {
			after = &factory.Event{ObservedAt: math.MaxInt64, Seq: math.MaxInt64}
		}
	}
	query, args := eventQuery(q, last, after)
	err = s.readJournal(ctx, q.Limit, func(c *conn) error {
		return c.query(query, func(v []driver.Value) error {
			if q.Subject != "" && asString(v[3]) != q.Subject || !hasKind(q.Kinds, asString(v[2])) {
				return ctx.Err()
			}
			if len(page.Events) == q.Limit {
				page.NextCursor = store.EncodeEventCursor(eventCursor, page.Events[q.Limit-1])
				return errStop
			}
			page.Events = append(page.Events, scanEvent(v))
			return ctx.Err()
		}, args...)
	})
	if err != nil {
		return factory.EventPage{}, err
	}
	return page, nil
}

// eventQuery returns the query of Events and its arguments. The index of subjects
// serves queries of one kind for all machines, or for one machine and subject; the
// index of times serves other queries of one machine.
func eventQuery(q factory.EventQuery, last int64, after *factory.Event) (query string, args []driver.Value) {
	args = []driver.Value{q.From, last, after.ObservedAt, after.Seq}
	oneKind := len(q.Kinds) == 1
	switch {
	case oneKind && q.Machine == "":
		query, args = "WHERE kind = ?5 AND ", append(args, string(q.Kinds[0]))
	case oneKind && q.Subject != "":
		query, args = "WHERE kind = ?5 AND machine = ?6 AND subject = ?7 AND ", append(args, string(q.Kinds[0]), q.Machine, q.Subject)
	case q.Machine != "":
		query, args = "WHERE machine = ?5 AND ", append(args, q.Machine)
	default:
		query = "WHERE "
	}
	if q.Descending {
		return selectEvents + query + descendingFrom, args
	}
	return selectEvents + query + ascendingFrom, args
}

func hasKind(kinds []factory.EventKind, kind string) bool {
	return len(kinds) == 0 || slices.Contains(kinds, factory.EventKind(kind))
}

// nextSubject selects the machine and subject after ?2 and ?3 that have events of
// kind ?1, newestOfSubject the newest event in force of one of them.
const (
	nextSubject     = "SELECT machine, subject FROM event WHERE kind = ?1 AND (machine, subject) > (?2, ?3) ORDER BY machine, subject LIMIT 1"
	newestOfSubject = selectEvents + "WHERE kind = ?1 AND machine = ?2 AND subject = ?3 AND ts <= ?4" + inForce + " ORDER BY ts DESC, seq DESC LIMIT 1"
)

// LatestEvents implements factory.Journal.
func (s *Store) LatestEvents(ctx context.Context, q factory.LatestEventQuery) (events []factory.Event, err error) {
	last := int64(math.MaxInt64)
	if q.Before != 0 {
		last = q.Before - 1
	}
	kind := string(q.Kind)
	err = s.readJournal(ctx, 1, func(c *conn) error {
		newest := func(machine, subject string) error {
			found, err := findEvents(c, newestOfSubject, kind, machine, subject, last)
			events = append(events, found...)
			return err
		}
		if q.Machine != "" && q.Subject != "" {
			return newest(q.Machine, q.Subject)
		}
		// (machine, "") sorts before all its other subjects, and no name is empty.
		machine, subject, more := q.Machine, "", true
		if q.Machine != "" {
			if err := newest(machine, ""); err != nil {
				return err
			}
		}
		for more && ctx.Err() == nil {
			more = false
			err := c.query(nextSubject, func(v []driver.Value) error {
				machine, subject, more = asString(v[0]), asString(v[1]), true
				return nil
			}, kind, machine, subject)
			if err != nil {
				return err
			}
			if !more || q.Machine != "" && machine != q.Machine {
				break
			}
			if q.Subject == "" || subject == q.Subject {
				if err := newest(machine, subject); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// EventsAfter implements factory.Journal.
func (s *Store) EventsAfter(ctx context.Context, q factory.LogQuery) (events []factory.Event, err error) {
	query, args := selectEvents+"WHERE seq > ?1 ORDER BY seq", []driver.Value{q.After}
	if q.Machine != "" {
		query, args = selectEvents+"WHERE seq > ?1 AND machine = ?2 ORDER BY seq", append(args, q.Machine)
	}
	err = s.readJournal(ctx, q.Limit, func(c *conn) error {
		return c.query(query, func(v []driver.Value) error {
			if !hasKind(q.Kinds, asString(v[2])) {
				return ctx.Err()
			}
			events = append(events, scanEvent(v))
			if len(events) == q.Limit {
				return errStop
			}
			return ctx.Err()
		}, args...)
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}
