package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// register commits a group whose readings include unregistered series: it
// registers the series and stores the readings in one transaction.
func (c *committer) register(ctx context.Context, group []*request) error {
	s := c.store
	// Partitions are created first, in transactions of their own. They remain
	// even if the rest fails.
	c.batch.fill(group)
	if err := s.partitions.ensure(ctx, c.batch.rows); err != nil {
		return err
	}
	// No other committer of this process checks the senders' limits until what
	// this one registers is counted.
	s.registering.Lock()
	defer s.registering.Unlock()
	var registered *registration
	err := s.inRegistryTransaction(ctx,
		func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error) {
			registered = nil
			if _, pending := c.updateSeries(group); !pending {
				return unchanged, nil
			}
			r := c.planRegistration(group)
			if err := r.apply(ctx, tx, s.options.nowMillis(), next); err != nil {
				return unchanged, err
			}
			if r.empty() {
				return unchanged, nil
			}
			registered = r
			return changed, nil
		},
		func(ctx context.Context, tx pgx.Tx, version int64) error {
			c.batch.fill(group)
			if len(c.batch.rows) == 0 {
				return nil
			}
			return c.batch.write(ctx, tx.Conn(), version, s.registryLock)
		})
	if err == nil && registered != nil {
		for k, sender := range registered.senders {
			s.registry.senders.Add(sender, k.Machine)
		}
	}
	return err
}

// registration is what a group of requests adds to the registry.
type registration struct {
	newMachines []string
	restored    map[string]bool // deleted machines to register again
	newSeries   map[key]*series
	senders     map[key]string  // of newSeries
	bySender    map[string]int  // number of newSeries of each sender
	ofMachine   map[string]int  // number of newSeries of each machine
	pending     []*entry        // entries that wait for their series to have an id
	registered  map[key]*series // the series of all pending entries, once they have an id
}

func newRegistration() *registration {
	return &registration{
		restored: make(map[string]bool), newSeries: make(map[key]*series), registered: make(map[key]*series),
		senders: make(map[key]string), bySender: make(map[string]int), ofMachine: make(map[string]int),
	}
}

func (r *registration) empty() bool {
	return len(r.newMachines) == 0 && len(r.restored) == 0 && len(r.newSeries) == 0
}

// planRegistration decides which unregistered series of a group are registered,
// in the order of their readings, and rejects readings beyond the limits.
func (c *committer) planRegistration(group []*request) *registration {
	s := c.store
	plan := newRegistration()
	newMachines := make(map[string]bool)
	s.registry.mu.RLock()
	defer s.registry.mu.RUnlock()
	for _, r := range group {
		for i := range r.entries {
			e := &r.entries[i]
			if e.series == nil || e.series.id != 0 {
				continue
			}
			k := e.series.key
			existing, machine := s.registry.byKey[k], s.registry.machines[k.Machine]
			newSeries := existing == nil && plan.newSeries[k] == nil
			newMachine := machine == nil && !newMachines[k.Machine]
			if newSeries {
				if err := s.checkPlanLocked(plan, k, r.Sender, newMachine); err != nil {
					r.rejectEntry(e, err)
					continue
				}
			}
			if newMachine {
				newMachines[k.Machine] = true
				plan.newMachines = append(plan.newMachines, k.Machine)
			}
			if machine != nil && machine.deleted {
				plan.restored[k.Machine] = true
			}
			if newSeries {
				plan.newSeries[k] = e.series
				plan.senders[k] = r.Sender
				plan.bySender[r.Sender]++
				plan.ofMachine[k.Machine]++
			}
			if existing != nil {
				plan.registered[k] = existing
			}
			plan.pending = append(plan.pending, e)
			// The entry's id is valid only if the transaction commits, so another
			// attempt must look up all series again.
			r.version = 0
		}
	}
	return plan
}

// checkPlanLocked returns an error if the new series k, and its machine if that
// is new, may not be added to the plan. The caller holds the registry's mu.
func (s *Store) checkPlanLocked(plan *registration, k key, sender string, newMachine bool) error {
	limits := s.options.seriesLimits()
	if newMachine {
		if err := limits.CheckMachine(len(s.registry.machines) + len(plan.newMachines)); err != nil {
			return err
		}
	}
	if err := limits.CheckSeries(len(s.registry.byKey)+len(plan.newSeries), s.registry.ofMachine[k.Machine]+plan.ofMachine[k.Machine]); err != nil {
		return err
	}
	return s.registry.senders.Check(sender, plan.bySender[sender], limits)
}

// apply inserts the registration and sets the series of the pending entries.
func (r *registration) apply(ctx context.Context, tx pgx.Tx, now, next int64) error {
	if len(r.newMachines) > 0 {
		_, err := tx.Exec(ctx, `
			INSERT INTO machine (id, version, created_at, updated_at, changed)
			SELECT id, 1, $2, $2, $3 FROM unnest($1::text[]) AS id`, r.newMachines, now, next)
		if err != nil {
			return fmt.Errorf("register machines: %w", err)
		}
	}
	if len(r.restored) > 0 {
		_, err := tx.Exec(ctx, `
			UPDATE machine SET deleted = false, version = version + 1, updated_at = $2, changed = $3
			WHERE id = ANY($1)`, slices.Collect(maps.Keys(r.restored)), now, next)
		if err != nil {
			return fmt.Errorf("register deleted machines again: %w", err)
		}
	}
	if len(r.newSeries) > 0 {
		if err := r.insertSeries(ctx, tx, now, next); err != nil {
			return fmt.Errorf("register series: %w", err)
		}
	}
	for _, e := range r.pending {
		e.series = r.registered[e.series.key]
	}
	return nil
}

func (r *registration) insertSeries(ctx context.Context, tx pgx.Tx, now, next int64) error {
	var machines, metrics []string
	for k := range r.newSeries {
		machines, metrics = append(machines, k.Machine), append(metrics, k.Metric)
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO series (machine, metric, version, created_at, updated_at, changed)
		SELECT machine, metric, 1, $3, $3, $4 FROM unnest($1::text[], $2::text[]) AS s(machine, metric)
		RETURNING id, machine, metric`, machines, metrics, now, next)
	if err != nil {
		return err
	}
	var one series
	_, err = pgx.ForEachRow(rows, []any{&one.id, &one.Machine, &one.Metric}, func() error {
		r.registered[one.key] = &series{key: one.key, id: one.id}
		return nil
	})
	return err
}
