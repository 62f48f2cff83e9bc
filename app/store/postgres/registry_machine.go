package postgres

import (
	"context"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// machineColumns are the columns that scanMachine reads. The last one is the
// time of the machine's newest unexpired reading, 0 if there is none.
const machineColumns = `m.id, m.name, m.site, m.area, m.line, m.attributes, m.version, m.created_at, m.updated_at, m.signals, m.ideal_cycle,
	greatest(0, (SELECT max(l.at) FROM series s JOIN latest l ON l.series_id = s.id WHERE s.machine = m.id AND ` + unexpired + `))`

func scanMachine(row pgx.Row) (m factory.Machine, err error) {
	err = row.Scan(&m.ID, &m.Name, &m.Site, &m.Area, &m.Line, &m.Attributes, &m.Version, &m.CreatedAt, &m.UpdatedAt, &m.Signals, &m.IdealCycle, &m.LastSeen)
	if len(m.Attributes) == 0 {
		m.Attributes = nil
	}
	return m, err
}

// PutMachine implements factory.Registry.
func (s *Store) PutMachine(ctx context.Context, m factory.Machine, match factory.Match) (stored factory.Machine, created bool, err error) {
	if err := factory.ValidateMachine(m); err != nil {
		return stored, false, err
	}
	err = s.updateRegistry(ctx, "put machine", func(ctx context.Context, tx pgx.Tx, next int64) (change registryChange, err error) {
		known, err := findMachine(ctx, tx, m.ID)
		if err != nil {
			return unchanged, err
		}
		now := s.options.nowMillis()
		var put *store.Machine
		put, created, err = store.PutMachine(known, m, match, now)
		if err != nil {
			return unchanged, err
		}
		if known == nil {
			if err := s.checkMachineLimit(); err != nil {
				return unchanged, err
			}
		}
		if put != known {
			change = changed
			attributes := m.Attributes
			if attributes == nil {
				attributes = map[string]string{}
			}
			_, err := tx.Exec(ctx, `
				INSERT INTO machine (id, name, site, area, line, attributes, version, created_at, updated_at, changed, signals, ideal_cycle)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
				ON CONFLICT (id) DO UPDATE SET name = excluded.name, site = excluded.site, area = excluded.area, line = excluded.line,
					attributes = excluded.attributes, deleted = false, version = excluded.version, updated_at = excluded.updated_at, changed = excluded.changed,
					signals = excluded.signals, ideal_cycle = excluded.ideal_cycle`,
				m.ID, m.Name, m.Site, m.Area, m.Line, attributes, put.Version, put.CreatedAt, put.UpdatedAt, next, m.Signals, m.IdealCycle)
			if err == nil {
				err = s.journal.appendAudit(ctx, tx, store.MachineAudit(ctx, m.ID, known, put, now))
			}
			if err != nil {
				return unchanged, err
			}
		}
		stored, err = scanMachine(tx.QueryRow(ctx, "SELECT "+machineColumns+" FROM machine m WHERE id = $3", now, s.options.expiry(0, now), m.ID))
		return change, err
	})
	if err != nil {
		return factory.Machine{}, false, err
	}
	return stored, created, nil
}

// findMachine returns a machine, deleted or not, without LastSeen; nil if it is unknown.
func findMachine(ctx context.Context, tx pgx.Tx, id string) (*store.Machine, error) {
	m := &store.Machine{}
	err := tx.QueryRow(ctx, "SELECT id, name, site, area, line, attributes, version, created_at, updated_at, deleted, signals, ideal_cycle FROM machine WHERE id = $1", id).
		Scan(&m.ID, &m.Name, &m.Site, &m.Area, &m.Line, &m.Attributes, &m.Version, &m.CreatedAt, &m.UpdatedAt, &m.Deleted, &m.Signals, &m.IdealCycle)
	if isNoRows(err) {
		return nil, nil
	}
	return m, err
}

// checkMachineLimit returns an error if no further machine may be registered.
// The caller has exclusive access to the registry.
func (s *Store) checkMachineLimit() error {
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	return s.options.seriesLimits().CheckMachine(len(s.registry.machines))
}

// Machine implements factory.Registry.
func (s *Store) Machine(ctx context.Context, id string) (factory.Machine, error) {
	return query(ctx, s, "machine", func(ctx context.Context, tx pgx.Tx) (m factory.Machine, err error) {
		if !storableName(id) {
			return m, store.MachineNotFound(id)
		}
		now := s.options.nowMillis()
		m, err = scanMachine(tx.QueryRow(ctx, "SELECT "+machineColumns+" FROM machine m WHERE id = $3 AND NOT deleted", now, s.options.expiry(0, now), id))
		if isNoRows(err) {
			err = store.MachineNotFound(id)
		}
		return m, err
	})
}

// Machines implements factory.Registry.
func (s *Store) Machines(ctx context.Context, q factory.MachineQuery) (page factory.MachinePage, err error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	after, err := machineCursor.After(q.Cursor)
	if err != nil {
		return page, err
	}
	return query(ctx, s, "machines", func(ctx context.Context, tx pgx.Tx) (page factory.MachinePage, err error) {
		for _, text := range []string{q.Site, q.Area, q.Line} {
			if text != "" && !storableName(text) {
				return page, nil
			}
		}
		now := s.options.nowMillis()
		// The prefix is compared as bytes, since it may end within a character.
		rows, err := tx.Query(ctx, `
			SELECT `+machineColumns+` FROM machine m
			WHERE NOT deleted AND id > $3 AND ($4 = '' OR site = $4) AND ($5 = '' OR area = $5) AND ($6 = '' OR line = $6)
				AND id >= $7 AND substring(convert_to(id, 'UTF8') FOR length($8::bytea)) = $8::bytea
			ORDER BY id LIMIT $9`,
			now, s.options.expiry(0, now), after.Machine, q.Site, q.Area, q.Line, validUTF8Prefix(q.Prefix), []byte(q.Prefix), limitPlusOne(q.Limit))
		if err != nil {
			return page, err
		}
		page.Machines, err = pgx.AppendRows(page.Machines, rows, func(row pgx.CollectableRow) (factory.Machine, error) { return scanMachine(row) })
		if err == nil && len(page.Machines) > q.Limit {
			page.Machines = page.Machines[:q.Limit]
			page.NextCursor = machineCursor.Encode(store.Position{Key: key{Machine: page.Machines[q.Limit-1].ID}})
		}
		return page, err
	})
}

// validUTF8Prefix returns the longest beginning of prefix that PostgreSQL
// accepts as text.
func validUTF8Prefix(prefix string) string {
	for i, r := range prefix {
		if r == 0 {
			return prefix[:i]
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(prefix[i:]); size == 1 {
				return prefix[:i]
			}
		}
	}
	return prefix
}

// DeleteMachine implements factory.Registry.
func (s *Store) DeleteMachine(ctx context.Context, id string, match factory.Match, purge bool) error {
	if !storableName(id) {
		return store.MachineNotFound(id)
	}
	return s.updateRegistry(ctx, "delete machine", func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error) {
		known, err := findMachine(ctx, tx, id)
		if err == nil {
			err = store.CheckDelete(known, id, match, purge)
		}
		if err == nil {
			err = s.journal.appendAudit(ctx, tx, store.MachineAudit(ctx, id, known, nil, s.options.nowMillis()))
		}
		if err != nil {
			return unchanged, err
		}
		if !purge {
			_, err = tx.Exec(ctx, "UPDATE machine SET deleted = true, changed = $2 WHERE id = $1", id, next)
			return changed, err
		}
		return rowsRemoved, purgeMachine(ctx, tx, id)
	})
}

// purgeMachine deletes a machine, its series and its events. Their readings are no longer
// reachable; the leader deletes them later.
func purgeMachine(ctx context.Context, tx pgx.Tx, id string) error {
	for _, sql := range []string{
		"INSERT INTO purged_series SELECT id FROM series WHERE machine = $1",
		"DELETE FROM latest WHERE series_id IN (SELECT id FROM series WHERE machine = $1)",
		"DELETE FROM series WHERE machine = $1",
		"DELETE FROM event WHERE machine = $1",
		"DELETE FROM machine WHERE id = $1",
	} {
		if _, err := tx.Exec(ctx, sql, id); err != nil {
			return err
		}
	}
	return nil
}

// Placement implements factory.Registry. A change made by another replica
// appears before the event that records it.
func (s *Store) Placement(machine string) (factory.Placement, bool) {
	return s.registry.placement(machine)
}
