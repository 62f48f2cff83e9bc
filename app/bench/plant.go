package main

import (
	"context"
	"strconv"
)

// plant measures events and OEE on both engines of the product.
func (b *runner) plant(ctx context.Context) (*table, error) {
	t := &table{
		Title: "events of machines; OEE of 10 machines with 1 000 changes of state each, and of 100 machines with 200 a day; CPU with that of the database server",
		Goal:  "5 000 events/CPU s one by one, 100 000 in batches; a shift in under 50 ms, a month in under 2 000 ms",
		Columns: []column{
			{"events_per_cpu_second", "events/CPU s", 0},
			{"events_per_second", "events/s", 0},
			{"milliseconds", "ms", 1},
			{"cpu_milliseconds", "CPU ms", 1},
			{"events_of_sqlite", "events x SQLite", 2},
			{"time_of_sqlite", "ms x SQLite", 2},
		},
	}
	err := b.withPostgres(ctx, func(p *postgresServer) error {
		for _, e := range availableEngines(p) {
			if e.reference {
				continue
			}
			err := b.runStoreJob(ctx, e, p, func(f figures) { t.row(f.Mode, e.name).addAll(f.Figures) },
				"-job", "plant", "-rounds", strconv.Itoa(b.storeRounds()))
			if err != nil {
				return err
			}
			b.logf("plant %s", e.name)
		}
		return nil
	})
	addRatios(t, productSQLite, "events_per_cpu_second", "events_of_sqlite")
	addRatios(t, productSQLite, "milliseconds", "time_of_sqlite")
	return t, err
}
