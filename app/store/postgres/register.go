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
func (s *Store) changeCatalog(ctx context.Context,
	f func(ctx context.Context, tx pgx.Tx, next int64) (change, error),
	then func(ctx context.Context, tx pgx.Tx, version int64) error,
) error {
	var done change
	err := s.inTransaction(ctx, s.writing, readWrite, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.guard); err != nil {
			return err
		}
		if err := s.catalog.load(ctx, tx, false); err != nil {
			return err
		}
		version := s.catalog.at()
		var err error
		if done, err = f(ctx, tx, version+1); err != nil {
			return err
		}
		if done != unchanged {
			version++
			_, err := tx.Exec(ctx, "UPDATE catalog_state SET version = $1, rebuilt = CASE WHEN $2 THEN $1 ELSE rebuilt END", version, done == removed)
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
	_ = s.catalog.refresh(ctx, s, false)
	return nil
}

// change says what became of the catalog.
type change int

const (
	unchanged change = iota
	changed
	removed // rows, too
)

// register commits a group that has series which are not registered, together
// with them.
func (c *committer) register(ctx context.Context, group []*request) error {
	s := c.store
	// The partitions are made first: they stay whatever becomes of the rest.
	if err := s.partitions.ensure(ctx, c.unregisteredRows(group)); err != nil {
		return err
	}
	return s.changeCatalog(ctx,
		func(ctx context.Context, tx pgx.Tx, next int64) (change, error) {
			if _, newcomers := c.compare(group); !newcomers {
				return unchanged, nil
			}
			plan := c.plan(group)
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
			ok, err := accepted(tx.Conn().PgConn().ExecParams(ctx, appendSQL,
				c.batch.params(version, s.guard), appendOIDs, binaryParams, binaryResults).Read())
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
type plan struct {
	machines []string        // new ones
	revived  map[string]bool // deleted ones that come back
	series   map[key]*series // new ones; the others only await their id
	awaiting []*entry        // their readings, and those of revived machines
	known    map[key]*series
}

func (p *plan) empty() bool { return len(p.machines) == 0 && len(p.revived) == 0 && len(p.series) == 0 }

// plan decides which of the newcomers of a group are registered, in the order
// in which they came, and refuses the readings of the others.
func (c *committer) plan(group []*request) *plan {
	s := c.store
	p := &plan{revived: make(map[string]bool), series: make(map[key]*series), known: make(map[key]*series)}
	machines := make(map[string]bool)
	s.catalog.mu.RLock()
	defer s.catalog.mu.RUnlock()
	for _, r := range group {
		for i := range r.entries {
			e := &r.entries[i]
			if e.series == nil || e.series.id != 0 {
				continue
			}
			k := e.series.key
			exists, machine := s.catalog.byKey[k], s.catalog.machines[k.machine]
			newSeries := exists == nil && p.series[k] == nil
			newMachine := machine == nil && !machines[k.machine]
			if newSeries && len(s.catalog.byKey)+len(p.series) >= s.options.MaxSeries ||
				newMachine && len(s.catalog.machines)+len(p.machines) >= s.options.MaxSeries {
				r.refuse(e, limitError(s.options.MaxSeries))
				continue
			}
			if newMachine {
				machines[k.machine] = true
				p.machines = append(p.machines, k.machine)
			}
			if machine != nil && machine.deleted {
				p.revived[k.machine] = true
			}
			if newSeries {
				p.series[k] = e.series
			}
			if exists != nil {
				p.known[k] = exists
			}
			p.awaiting = append(p.awaiting, e)
			// The id that it gets is good only if the transaction is committed;
			// another attempt looks everything up again.
			r.version = 0
		}
	}
	return p
}

// apply writes the plan and gives the readings their series.
func (p *plan) apply(ctx context.Context, tx pgx.Tx, now, next int64) error {
	if len(p.machines) > 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO machine (id, version, created_at, updated_at, changed)
			SELECT id, 1, $2, $2, $3 FROM unnest($1::text[]) AS id`, p.machines, now, next)
		if err != nil {
			return fmt.Errorf("register machines: %w", err)
		}
	}
	if len(p.revived) > 0 {
		_, err := tx.Exec(ctx, `
			UPDATE machine SET deleted = false, version = version + 1, updated_at = $2, changed = $3
			WHERE id = ANY($1)`, slices.Collect(maps.Keys(p.revived)), now, next)
		if err != nil {
			return fmt.Errorf("register machines again: %w", err)
		}
	}
	if len(p.series) > 0 {
		if err := p.applySeries(ctx, tx, now, next); err != nil {
			return fmt.Errorf("register series: %w", err)
		}
	}
	for _, e := range p.awaiting {
		e.series = p.known[e.series.key]
	}
	return nil
}

func (p *plan) applySeries(ctx context.Context, tx pgx.Tx, now, next int64) error {
	var machines, metrics []string
	for k := range p.series {
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
		p.known[one.key] = &series{key: one.key, id: one.id}
		return nil
	})
	return err
}

func limitError(limit int) error {
	return fmt.Errorf("limit of %d series reached: %w", limit, factory.ErrInvalid)
}
