package storetest

import (
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

// Limits are the settings that the contract defines. MaxSeries 0 is the default
// of the engine.
type Limits = memory.Options

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
		{"SeriesLimitPerMachine", testSeriesLimitPerMachine},
		{"SeriesLimitPerSender", testSeriesLimitPerSender},
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
		{"Lead", testLead},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open)
		})
	}
}
