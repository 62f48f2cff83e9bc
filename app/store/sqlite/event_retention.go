package sqlite

import (
	"math"
	"time"

	"smart-factory-backend/app/factory"
)

const (
	// expireWindow is the range of seq in which one transaction looks for expired
	// events, and expireWindows how many a run of the maintenance looks at.
	expireWindow, expireWindows = 10_000, 50
	// expireAnew is how often the search begins anew, for events that were the newest
	// of their subject and no longer are.
	expireAnew = 24 * time.Hour
)

// eventExpiry is how far the search for expired events of one kind has come.
type eventExpiry struct {
	began time.Time
	upTo  int64 // seq
}

// expireEventsLocked deletes expired events; see store.EventRetention. Events expire in
// the order of seq, so an event never reappears because the one that replaces it expires
// first.
func (z *sealer) expireEventsLocked(stop <-chan struct{}, now time.Time) error {
	for _, limit := range z.options.EventRetention.Limited() {
		e := z.maintenance.events[limit.Kind]
		if e == nil || now.Sub(e.began) >= expireAnew {
			e = &eventExpiry{began: now}
			z.maintenance.events[limit.Kind] = e
		}
		before := now.Add(-limit.Age).UnixMilli()
		for more, n := true, 0; more && n < expireWindows && !isClosed(stop); n++ {
			var err error
			if more, err = z.expireEvents(limit.Kind, e, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// expiredEvents selects the events of kind ?1 from ?2 (exclusive) to ?3 (exclusive)
// that may be deleted: those that are not the newest of their subject accepted before
// ?4. An event that replaces one of another kind stays, because that one may.
const expiredEvents = `
	FROM event AS e WHERE e.seq > ?2 AND e.seq < ?3 AND +e.kind = ?1 AND e.seq < (SELECT max(seq) FROM event)
	AND (EXISTS (SELECT 1 FROM event AS r WHERE r.machine = e.machine AND r.replaces = e.id AND r.replaces <> '')
		OR EXISTS (SELECT 1 FROM event AS n WHERE n.kind = ?1 AND n.machine = e.machine AND n.subject = e.subject AND n.ts >= e.ts
			AND (n.ts, n.seq) > (e.ts, e.seq) AND n.received < ?4
			AND NOT EXISTS (SELECT 1 FROM event AS r WHERE r.machine = n.machine AND r.replaces = n.id AND r.replaces <> '')))
	AND NOT EXISTS (SELECT 1 FROM event AS o WHERE o.machine = e.machine AND o.id = e.replaces AND o.kind <> e.kind)`

// expireEvents deletes the events of one window that were accepted before a time. It
// reports whether there may be more.
func (z *sealer) expireEvents(kind factory.EventKind, e *eventExpiry, before int64) (more bool, err error) {
	last, err := z.conn.queryInt("SELECT coalesce(max(seq), 0) FROM event")
	if err != nil || e.upTo >= last {
		return false, err
	}
	end := e.upTo + expireWindow + 1
	fresh, err := z.conn.queryInt("SELECT coalesce(min(seq), ?) FROM event WHERE seq > ? AND seq < ? AND +kind = ? AND received >= ?",
		int64(math.MaxInt64), e.upTo, end, string(kind), before)
	if err != nil {
		return false, err
	}
	end = min(end, fresh)
	expired, err := z.conn.queryInt("SELECT count(*)"+expiredEvents, string(kind), e.upTo, end, before)
	if err != nil {
		return false, err
	}
	if expired > 0 {
		err = z.writer.transact(func(c *conn) error {
			return c.exec("DELETE FROM event WHERE seq IN (SELECT e.seq"+expiredEvents+")", string(kind), e.upTo, end, before)
		})
		if err != nil {
			return false, err
		}
		z.addWALBytes(int(expired) * pageSize)
		if err := z.checkpointLocked(); err != nil {
			return false, err
		}
	}
	e.upTo = end - 1
	return end < fresh, nil
}
