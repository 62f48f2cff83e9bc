package storetest

import (
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

// Limits are the settings that the contract defines. They match
// memory.Options.
type Limits struct {
	// MaxSeries limits the series, and separately the machines; 0 is the
	// default of the engine.
	MaxSeries int
	// AutoRegister lets Append register series.
	AutoRegister bool
	// Retention is how long readings are stored unless their metric has its
	// own retention; 0 is forever.
	Retention time.Duration
	// Now is the clock of the registry and of retention; nil is time.Now.
	Now func() time.Time
}

// Opener opens the store in dir, or creates it. The caller closes it and may
// open it again with other limits. A failure ends the test.
type Opener func(t testing.TB, dir string, limits Limits) factory.Store

// Settler is implemented by stores with background work, such as sealing
// points. The suite calls Settle where the result of a test could depend on
// that work; it returns once the work is complete.
type Settler interface {
	Settle() error
}

// Run checks that the stores that open returns fulfill the contract of
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
