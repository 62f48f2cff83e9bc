package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
	"smart-factory-backend/app/store/storetest"
)

// settlingStore implements storetest.Settler.
type settlingStore struct{ *sqlite.Store }

func (s settlingStore) Settle() error { return s.SealNow() }

// newOpener returns an opener for the contract suite; change adjusts the
// options.
func newOpener(change func(*sqlite.Options)) storetest.Opener {
	return func(t testing.TB, dir string, limits storetest.Limits) factory.Store {
		t.Helper()
		options := sqlite.Options{
			Path: filepath.Join(dir, "factory.db"), AutoRegister: limits.AutoRegister, MaxSeries: limits.MaxSeries,
			MaxSeriesPerMachine: limits.MaxSeriesPerMachine, MaxSeriesPerSender: limits.MaxSeriesPerSender,
			Retention: limits.Retention, EventRetention: limits.EventRetention,
		}.WithTuning(sqlite.Tuning{Now: limits.Now})
		change(&options)
		store, err := sqlite.Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		return settlingStore{store}
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newOpener(func(*sqlite.Options) {}))
}

// The sealer runs all the time and writes tiny chunks, so that every query
// reads all three layers.
func TestContractWhileSealing(t *testing.T) {
	t.Parallel()
	storetest.Run(t, newOpener(func(o *sqlite.Options) {
		o.SealPoints = 4
		o.SealAfter = time.Nanosecond
		sqlite.SealOften(o)
	}))
}

func TestJournalContract(t *testing.T) {
	t.Parallel()
	storetest.RunJournal(t, newOpener(func(*sqlite.Options) {}))
}

func TestEventRetentionContract(t *testing.T) {
	t.Parallel()
	storetest.RunEventRetention(t, newOpener(func(*sqlite.Options) {}))
}
