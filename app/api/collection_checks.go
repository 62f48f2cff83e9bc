package api

import (
	"context"
	"encoding/json"
	"fmt"

	"smart-factory-backend/app/factory"
)

// checkProduct refuses to delete the product that a machine makes at present.
func checkProduct(ctx context.Context, j factory.Journal, c documentChange) error {
	if c.after != nil {
		return nil
	}
	latest, err := j.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventProduct})
	if err != nil {
		return err
	}
	for _, e := range latest {
		var made struct{ Product string }
		if json.Unmarshal(e.Data, &made) == nil && made.Product == c.id {
			return fmt.Errorf("machine %q makes the product %q: %w", e.Machine, c.id, factory.ErrConflict)
		}
	}
	return nil
}
