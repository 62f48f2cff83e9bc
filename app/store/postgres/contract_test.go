//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/storetest"
)

// settling lets the contract suite have all upkeep done.
type settling struct{ *postgres.Store }

func (s settling) Settle() error { return s.UpkeepNow(context.Background()) }

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB, dir string, limits storetest.Limits) factory.Store {
		t.Helper()
		o := postgres.Options{
			URL: shared.URL(schemaFor(t, dir)), AutoRegister: limits.AutoRegister, MaxSeries: limits.MaxSeries,
			Retention: limits.Retention, MaxConns: 6, ConnectTimeout: patience, StatementTimeout: patience,
			OnFault: func(err error) {
				if err != nil {
					t.Errorf("OnFault(%v)", err)
				}
			},
		}.Tuned(postgres.Tuning{Now: limits.Now, UpkeepEvery: time.Hour})
		store, err := postgres.Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return settling{store}
	})
}
