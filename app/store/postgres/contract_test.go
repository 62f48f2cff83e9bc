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

// settledStore lets the contract suite run all maintenance.
type settledStore struct{ *postgres.Store }

func (s settledStore) Settle() error { return s.RunMaintenance(context.Background()) }

func TestIntegrationContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openForContract)
}

func TestIntegrationJournalContract(t *testing.T) {
	t.Parallel()
	storetest.RunJournal(t, openForContract)
}

func TestIntegrationEventRetentionContract(t *testing.T) {
	t.Parallel()
	storetest.RunEventRetention(t, openForContract)
}

func openForContract(t testing.TB, dir string, limits storetest.Limits) factory.Store {
	t.Helper()
	o := postgres.Options{
		URL: sharedServer.URL(schemaFor(t, dir)), AutoRegister: limits.AutoRegister, MaxSeries: limits.MaxSeries,
		MaxSeriesPerMachine: limits.MaxSeriesPerMachine, MaxSeriesPerSender: limits.MaxSeriesPerSender,
		Retention: limits.Retention, EventRetention: limits.EventRetention, MaxConns: 7, ConnectTimeout: testTimeout, StatementTimeout: testTimeout,
		OnFault: func(err error) {
			if err != nil {
				t.Errorf("OnFault(%v)", err)
			}
		},
	}.WithTuning(postgres.Tuning{Now: limits.Now, MaintenanceInterval: time.Hour})
	store, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return settledStore{store}
}
