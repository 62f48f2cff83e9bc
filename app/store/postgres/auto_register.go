package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// changeCatalog runs f in a transaction that has the catalog for itself: no
// replica changes it or appends meanwhile, and this one's copy is up to date.
// What f changes gets the version next; it reports whether it has changed
// anything, and whether rows were removed. In the same transaction then may do
// more, once the version is set. Afterwards the copy has what was changed.
func (s *Store) inRegistryTransaction(ctx context.Context,
	f func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error),
	then func(ctx context.Context, tx pgx.Tx, version int64) error,
) error {
	var done registryChange
	err := s.inTransaction(ctx, s.writePool, readWrite, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.registryLock); err != nil {
			return err
		}
		if err := s.registry.load(ctx, tx, false); err != nil {
			return err
		}
		version := s.registry.currentVersion()
		var err error
		if done, err = f(ctx, tx, version+1); err != nil {
			return err
		}
		if done != unchanged {
			version++
			_, err := tx.Exec(ctx, "UPDATE catalog_state SET version = $1, rebuilt = CASE WHEN $2 THEN $1 ELSE rebuilt END", version, done == rowsRemoved)
			if err != nil {
				return err
			}
		}
		if then == nil {
			return nil
		}
		return then(ctx, tx, version)
	})
	if err != nil || done == unchanged {
		return err
	}
	// It is committed; a copy that could not be brought up to date now will be
	// before it is relied upon.
	_ = s.registry.refresh(ctx, s, false)
	return nil
}

// change says what became of the catalog.
type registryChange int

const (
	unchanged registryChange = iota
	changed
	rowsRemoved // rows, too
)

// register commits a group that has series which are not registered, together
// with them.
func (c *committer) register(ctx context.Context, group []*request) error {
	s := c.store
	// The partitions are made first: they stay whatever becomes of the rest.
	if err := s.partitions.ensure(ctx, c.unregisteredRows(group)); err != nil {
		return err
	}
	return s.inRegistryTransaction(ctx,
		func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error) {
			if _, newcomers := c.compare(group); !newcomers {
				return unchanged, nil
			}
			plan := c.planRegistration(group)
			if err := plan.apply(ctx, tx, s.options.nowMillis(), next); err != nil {
				return unchanged, err
			}
			if plan.empty() {
				return unchanged, nil
			}
			return changed, nil
		},
		func(ctx context.Context, tx pgx.Tx, version int64) error {
			c.batch.fill(group)
			if len(c.batch.rows) == 0 {
				return nil
			}
			ok, err := parseAppendResult(tx.Conn().PgConn().ExecParams(ctx, appendSQL,
				c.batch.params(version, s.registryLock), appendOIDs, binaryParams, binaryResults).Read())
			if err == nil && !ok {
				return errStale
			}
			return err
		})
}

// unregisteredRows are rows with the times of all entries.
func (c *committer) unregisteredRows(group []*request) []row {
	c.batch.fill(group)
	return c.batch.rows
}

// plan is what a group wants registered.
type registration struct {
	newMachines []string        // new ones
	restored    map[string]bool // deleted ones that come back
	newSeries   map[key]*series // new ones; the others only await their id
	pending     []*entry        // their readings, and those of revived machines
	registered  map[key]*series
}

func (p *registration) empty() bool {
	return len(p.newMachines) == 0 && len(p.restored) == 0 && len(p.newSeries) == 0
}

// plan decides which of the newcomers of a group are registered, in the order
// in which they came, and refuses the readings of the others.
func (c *committer) planRegistration(group []*request) *registration {
	s := c.store
	p := &registration{restored: make(map[string]bool), newSeries: make(map[key]*series), registered: make(map[key]*series)}
	machines := make(map[string]bool)
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	for _, r := range group {
		for i := range r.entries {
			e := &r.entries[i]
			if e.series == nil || e.series.id != 0 {
				continue
			}
			k := e.series.key
			exists, machine := s.registry.byKey[k], s.registry.machines[k.machine]
			newSeries := exists == nil && p.newSeries[k] == nil
			newMachine := machine == nil && !machines[k.machine]
			if newSeries && len(s.registry.byKey)+len(p.newSeries) >= s.options.MaxSeries ||
				newMachine && len(s.registry.machines)+len(p.newMachines) >= s.options.MaxSeries {
				r.refuse(e, limitError(s.options.MaxSeries))
				continue
			}
			if newMachine {
				machines[k.machine] = true
				p.newMachines = append(p.newMachines, k.machine)
			}
			if machine != nil && machine.deleted {
				p.restored[k.machine] = true
			}
			if newSeries {
				p.newSeries[k] = e.series
			}
			if exists != nil {
				p.registered[k] = exists
			}
			p.pending = append(p.pending, e)
			// The id that it gets is good only if the transaction is committed;
			// another attempt looks everything up again.
			r.version = 0
		}
	}
	return p
}

// apply writes the plan and gives the readings their series.
func (p *registration) apply(ctx context.Context, tx pgx.Tx, now, next int64) error {
	if len(p.newMachines) > 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO machine (id, version, created_at, updated_at, changed)
			SELECT id, 1, $2, $2, $3 FROM unnest($1::text[]) AS id`, p.newMachines, now, next)
		if err != nil {
			return fmt.Errorf("register machines: %w", err)
		}
	}
	if len(p.restored) > 0 {
		_, err := tx.Exec(ctx, `
			UPDATE machine SET deleted = false, version = version + 1, updated_at = $2, changed = $3
			WHERE id = ANY($1)`, slices.Collect(maps.Keys(p.restored)), now, next)
		if err != nil {
			return fmt.Errorf("register machines again: %w", err)
		}
	}
	if len(p.newSeries) > 0 {
		if err := p.insertSeries(ctx, tx, now, next); err != nil {
			return fmt.Errorf("register series: %w", err)
		}
	}
	for _, e := range p.pending {
		e.series = p.registered[e.series.key]
	}
	return nil
}

func (p *registration) insertSeries(ctx context.Context, tx pgx.Tx, now, next int64) error {
	var machines, metrics []string
	for k := range p.newSeries {
		machines, metrics = append(machines, k.machine), append(metrics, k.metric)
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO series (machine, metric, version, created_at, updated_at, changed)
		SELECT machine, metric, 1, $3, $3, $4 FROM unnest($1::text[], $2::text[]) AS s(machine, metric)
		RETURNING id, machine, metric`, machines, metrics, now, next)
	if err != nil {
		return err
	}
	var one series
	_, err = pgx.ForEachRow(rows, []any{&one.id, &one.machine, &one.metric}, func() error {
		p.registered[one.key] = &series{key: one.key, id: one.id}
		return nil
	})
	return err
}

func limitError(limit int) error {
	return fmt.Errorf("limit of %d series reached: %w", limit, factory.ErrInvalid)
}
