package api

import (
	"context"
	"encoding/json"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"
	"smart-factory-backend/app/factory/timeline"
)

// checkProduct refuses to delete the product that a machine makes at present.
func checkProduct(ctx context.Context, a *API, c documentChange) error {
	if c.after != nil {
		return nil
	}
	latest, err := a.options.Store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventProduct})
	if err != nil {
		return err
	}
	for _, e := range latest {
		var made struct{ Product string }
		if json.Unmarshal(e.Data, &made) == nil && made.Product == c.id {
			return productInUse(e.Machine, c.id)
		}
	}
	return a.eachMachine(ctx, factory.Placement{}, func(m factory.Machine) error {
		signals, err := timeline.ParseSignals(m.Signals)
		if err != nil || signals.Product == "" {
			return nil //nolint:nilerr // it has no valid signals
		}
		latest, err := a.options.Store.Latest(ctx, factory.LatestQuery{Machine: m.ID, Metric: signals.Product, Limit: 1})
		if err != nil || len(latest.Readings) == 0 {
			return err
		}
		if text := latest.Readings[0].Text; text != nil && *text == c.id {
			return productInUse(m.ID, c.id)
		}
		return nil
	})
}

func productInUse(machine, product string) error {
	return fmt.Errorf("machine %q makes the product %q: %w", machine, product, factory.ErrConflict)
}

// eachMachine calls visit with all machines of a place.
func (a *API) eachMachine(ctx context.Context, at factory.Placement, visit func(factory.Machine) error) error {
	q := factory.MachineQuery{Placement: at, Limit: 1000}
	for {
		page, err := a.options.Store.Machines(ctx, q)
		if err != nil {
			return err
		}
		for _, m := range page.Machines {
			if err := visit(m); err != nil {
				return err
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}

// checkShift refuses shifts that overlap, and to delete a shift that a calendar names.
func checkShift(ctx context.Context, a *API, c documentChange) error {
	plan, err := a.planWith(ctx, factory.DocumentShift, c)
	if err != nil {
		return err
	}
	if c.after != nil {
		return plan.CheckShift(c.id, a.options.Store.Placement)
	}
	for _, calendar := range plan.Calendars {
		if err := plan.CheckCalendar(calendar.ID, a.options.Store.Placement); err != nil {
			return fmt.Errorf("calendar %q names the shift %q: %w", calendar.ID, c.id, factory.ErrConflict)
		}
	}
	return nil
}

// checkCalendar refuses special days whose shifts overlap or do not exist.
func checkCalendar(ctx context.Context, a *API, c documentChange) error {
	plan, err := a.planWith(ctx, factory.DocumentCalendar, c)
	if err != nil || c.after == nil {
		return err
	}
	return plan.CheckCalendar(c.id, a.options.Store.Placement)
}

// planWith returns all shifts and calendars as they are after a change.
func (a *API) planWith(ctx context.Context, kind factory.DocumentKind, c documentChange) (plan shift.Plan, err error) {
	add := func(kind factory.DocumentKind, id string, data []byte) error {
		if kind == factory.DocumentShift {
			s, err := shift.Parse(id, data)
			plan.Shifts = append(plan.Shifts, s)
			return err
		}
		calendar, err := shift.ParseCalendar(id, data)
		plan.Calendars = append(plan.Calendars, calendar)
		return err
	}
	for _, each := range []factory.DocumentKind{factory.DocumentShift, factory.DocumentCalendar} {
		err := a.eachDocument(ctx, each, func(d factory.Document) error {
			if each == kind && d.ID == c.id {
				return nil
			}
			if err := add(each, d.ID, d.Data); err != nil {
				return fmt.Errorf("read the stored %s %q: %s", each, d.ID, err.Error()) // not the client's fault
			}
			return nil
		})
		if err != nil {
			return plan, err
		}
	}
	if c.after != nil {
		err = add(kind, c.id, c.after)
	}
	return plan, err
}

// eachDocument calls visit with all documents of a kind.
func (a *API) eachDocument(ctx context.Context, kind factory.DocumentKind, visit func(factory.Document) error) error {
	q := factory.DocumentQuery{Kind: kind, Limit: 1000}
	for {
		page, err := a.options.Store.Documents(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page.Documents {
			if err := visit(d); err != nil {
				return err
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}
