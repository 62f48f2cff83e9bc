package plant

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"
)

// documentPage is the most documents that are read at once.
const documentPage = 1000

// loadPlan loads all shifts and calendars.
func loadPlan(ctx context.Context, store factory.Store) (plan shift.Plan, err error) {
	err = eachDocument(ctx, store, factory.DocumentShift, func(d factory.Document) error {
		s, err := shift.Parse(d.ID, d.Data)
		plan.Shifts = append(plan.Shifts, s)
		return err
	})
	if err != nil {
		return plan, err
	}
	err = eachDocument(ctx, store, factory.DocumentCalendar, func(d factory.Document) error {
		c, err := shift.ParseCalendar(d.ID, d.Data)
		plan.Calendars = append(plan.Calendars, c)
		return err
	})
	return plan, err
}

// eachDocument calls do with all documents of a kind. Its errors about their content
// are not the client's fault.
func eachDocument(ctx context.Context, store factory.Store, kind factory.DocumentKind, do func(factory.Document) error) error {
	q := factory.DocumentQuery{Kind: kind, Limit: documentPage}
	for {
		page, err := store.Documents(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range page.Documents {
			if err := do(d); err != nil {
				return fmt.Errorf("read the stored %s %q: %s", kind, d.ID, err.Error())
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return nil
		}
	}
}
