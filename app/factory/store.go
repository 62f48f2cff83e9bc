package factory

import "context"

// Store persists readings, the registry and the journal. All methods are safe for
// concurrent use. After Close every method returns an error that wraps ErrUnavailable.
//
// A reading expires when it is older than the retention of its metric, or than the
// default of the store. Expired readings are no longer returned, even before they
// are deleted from the disk.
type Store interface {
	Registry
	Journal

	// Append stores readings and returns when they are durable: accepted readings
	// survive a crash. A reading replaces an earlier one with the same machine,
	// metric and ObservedAt; within one call the higher index wins.
	//
	// The slice and its strings need to be valid only until Append returns: the
	// store copies what it keeps.
	//
	// Readings that are rejected individually (unknown machine while automatic
	// registration is off, series limit reached, already expired) are listed in
	// the result and do not affect the others. An error means that nothing was
	// acknowledged: ErrOverloaded at once if the queue is full, ErrUnavailable if
	// the commit failed or ctx ended first. After ctx has ended the readings may
	// still become durable.
	Append(ctx context.Context, readings []Reading) (AppendResult, error)

	// Latest returns the newest reading by observation time of each series
	// that matches, ordered by machine, then metric, in byte order.
	Latest(ctx context.Context, q LatestQuery) (LatestPage, error)

	// History returns the raw points of one machine, ordered by metric in byte
	// order and then by observation time. It returns ErrNotFound for a machine
	// that the store has never seen and ErrInvalid for a cursor that it did not
	// issue.
	History(ctx context.Context, q HistoryQuery) (HistoryPage, error)

	// Buckets returns summaries of the history of one machine, ordered by metric
	// in byte order and then by time. Buckets without points are omitted. It
	// returns ErrNotFound for a machine that the store has never seen, and
	// ErrInvalid for an invalid interval or a cursor that it did not issue.
	Buckets(ctx context.Context, q BucketQuery) (BucketPage, error)

	// Downsample returns the points that LTTB selects from each series between
	// From and To, ordered by metric. Series without points are omitted. It
	// returns ErrNotFound for a machine that the store has never seen.
	Downsample(ctx context.Context, q DownsampleQuery) ([]Series, error)

	// Lead calls run whenever this process is the leader of those that use the
	// store, and blocks until ctx ends; it then returns nil. The context of run ends
	// when the process is no longer the leader; run must then return. At most one
	// process is meant to lead, but a process that has lost its connection may not
	// know yet, so whatever must happen once is a conditional append. If run
	// returns while it leads, Lead returns its result. Several calls lead together.
	Lead(ctx context.Context, run func(ctx context.Context) error) error

	// Backup writes a consistent copy of the store to a new file at path while
	// the store is in use. It contains everything that was acknowledged before
	// the call. It returns ErrConflict if the file exists, and ErrInvalid if the
	// engine is a database server, which has its own backup tools.
	Backup(ctx context.Context, path string) error

	// Stats returns statistics. It is cheap and never waits for the disk.
	Stats() StoreStats

	// Ready returns nil if the store currently accepts readings, otherwise an
	// error that names the cause. It is cheap and never accesses the disk.
	Ready() error

	// Close commits queued readings, releases all files and connections, and
	// returns when all goroutines of the store have ended. Further calls return
	// nil.
	Close() error
}

// AppendResult is the outcome of one Append.
type AppendResult struct {
	// Accepted is the number of readings that are now durable.
	Accepted int
	// Rejected lists the rejected readings in ascending order of Index.
	Rejected []Rejection
}

// Rejection is one rejected reading.
type Rejection struct {
	// Index is the index in the slice passed to Append.
	Index int
	// Err wraps ErrInvalid or ErrNotFound and can be shown to the client.
	Err error
}

// LatestQuery selects the newest readings.
type LatestQuery struct {
	// Machine and Metric select one machine and one metric; "" selects all.
	Machine, Metric string
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of readings, at least 1.
	Limit int
}

// LatestPage is one page of newest readings.
type LatestPage struct {
	Readings []LatestReading
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}

// LatestReading is the newest reading of a series.
type LatestReading struct {
	Reading
	// Unit is the UCUM unit of the metric, "" if unknown.
	Unit string
}

// HistoryQuery selects raw points of one machine.
type HistoryQuery struct {
	Machine string
	// Metrics limits the result to these metrics; empty selects all.
	Metrics []string
	// From (inclusive) and To (exclusive) limit the observation time in Unix
	// milliseconds. math.MinInt64 and math.MaxInt64 mean no limit.
	From, To int64
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of points over all series, at least 1.
	Limit int
}

// HistoryPage is one page of history.
type HistoryPage struct {
	// Series holds the series with points on this page, ordered by metric.
	Series []Series
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}

// Series holds points of one metric in ascending order of observation time.
type Series struct {
	Metric string
	// Unit is the UCUM unit of the metric, "" if unknown.
	Unit   string
	Points []Point
	// Texts are the readings of texts, in ascending order of observation time.
	Texts []TextPoint
}

// StoreStats are the statistics that metrics and health checks report.
type StoreStats struct {
	// Engine is "sqlite" or "postgres".
	Engine string
	// Series counts machine-metric pairs; Machines the registered machines.
	Series, Machines int
	// Points counts readings acknowledged since start.
	Points uint64
	// Commits counts group commits since start; CommitSeconds is their total
	// duration and LastCommitSeconds that of the last one.
	Commits           uint64
	CommitSeconds     float64
	LastCommitSeconds float64
	// QueuedReadings is the number of readings that wait for a commit, and
	// QueueCapacity its maximum.
	QueuedReadings, QueueCapacity int
	// Bytes is the size on disk, 0 if unknown; MaxBytes its limit, 0 if there is
	// none.
	Bytes, MaxBytes int64
	// ExpiredPoints counts the points that retention has deleted since start,
	// EvictedPoints those deleted to stay within the size limit.
	ExpiredPoints, EvictedPoints uint64
	// QuarantinedChunks counts the damaged parts that were set aside since the
	// store was created.
	QuarantinedChunks int
	// Integrity is the state of the integrity check.
	Integrity Integrity
}

// Integrity is the state of the integrity check that follows an unclean stop.
type Integrity string

// States of the integrity check.
const (
	// IntegrityUnchecked: the check was not needed, or is left to the database
	// server.
	IntegrityUnchecked Integrity = "unchecked"
	// IntegrityChecking: the check is running.
	IntegrityChecking Integrity = "checking"
	// IntegrityGood: the check found no damage.
	IntegrityGood Integrity = "good"
	// IntegrityDamaged: the check found damage; readable data is still served.
	IntegrityDamaged Integrity = "damaged"
)
