package storetest

import (
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

// Limits are the settings that the contract gives a meaning to.
type Limits struct {
	// MaxSeries bounds the machine-metric pairs; 0 is the engine's default.
	MaxSeries int
	// AutoRegister lets Append create series.
	AutoRegister bool
	// Retention is how long readings are kept where the metric does not say; 0
	// is for ever.
	Retention time.Duration
	// Now is the clock of the registry and of retention; nil is time.Now.
	Now func() time.Time
}

// Opener opens the store that lives in dir, or creates it there. The caller
// closes it, and may open it again with other limits. A failure ends the test.
type Opener func(t testing.TB, dir string, limits Limits) factory.Store

// Settler is implemented by stores that have background work, such as moving
// points to another form. The suite calls Settle to have all of it done where
// that might show.
type Settler interface {
	Settle() error
}

// Run checks that the store that open gives keeps the contract of
// factory.Store.
func Run(t *testing.T, open Opener) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"Durability", testDurability},
		{"LastWriteWins", testLastWriteWins},
		{"Latest", testLatest},
		{"LatestPaging", testLatestPaging},
		{"HistoryOrder", testHistoryOrder},
		{"HistoryRange", testHistoryRange},
		{"HistoryPaging", testHistoryPaging},
		{"HistoryPagingDuringAppends", testHistoryPagingDuringAppends},
		{"BadQueries", testBadQueries},
		{"Values", testValues},
		{"Names", testNames},
		{"RejectedReadings", testRejectedReadings},
		{"SeriesLimit", testSeriesLimit},
		{"RegistrationOff", testRegistrationOff},
		{"CanceledContext", testCanceledContext},
		{"Close", testClose},
		{"CloseDuringAppends", testCloseDuringAppends},
		{"Stats", testStats},
		{"Concurrency", testConcurrency},
		{"RandomHistory", testRandomHistory},
		{"Recordings", testRecordings},
		{"Buckets", testBuckets},
		{"BucketPaging", testBucketPaging},
		{"BucketsOfCounter", testBucketsOfCounter},
		{"Rollups", testRollups},
		{"RandomRollups", testRandomRollups},
		{"CalendarBuckets", testCalendarBuckets},
		{"BadBucketQueries", testBadBucketQueries},
		{"Downsample", testDownsample},
		{"Machines", testMachines},
		{"MachineList", testMachineList},
		{"Metrics", testMetrics},
		{"Deletion", testDeletion},
		{"Retention", testRetention},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open)
		})
	}
}
