package factory

import "context"

// Store keeps readings. All methods are safe for concurrent use. After Close
// every method returns an error that wraps ErrUnavailable.
//
// A reading is expired once it is older than its metric's retention, or than
// the store's default. Expired ones are not returned any more, whether they
// are removed from the disk yet or not.
type Store interface {
	Registry

	// Append stores readings and returns once they are durable: what it
	// reports as accepted is there after a crash. A reading replaces an
	// earlier one of the same machine, metric and ObservedAt (last write
	// wins, also within one call: the later index wins).
	//
	// The strings in readings need to be valid only until Append returns; the
	// store copies what it keeps, and does not hold on to the slice.
	//
	// Readings that the store refuses one by one (unknown machine while
	// registration is off, series limit reached, already expired) are listed in
	// the result and do not keep the others out. An error means that nothing is
	// acknowledged: ErrOverloaded when the queue is full (at once, nothing
	// was taken), ErrUnavailable when the commit failed or ctx ended first
	// (in the latter case the readings may still become durable).
	Append(ctx context.Context, readings []Reading) (AppendResult, error)

	// Latest returns the newest reading by observation time of each series
	// that matches, ordered by machine, then metric, in byte order.
	Latest(ctx context.Context, q LatestQuery) (LatestPage, error)

	// History returns the raw points of one machine, ordered by metric in
	// byte order and then by observation time. A machine that the store has
	// never seen is ErrNotFound; a cursor that it did not make is ErrInvalid.
	History(ctx context.Context, q HistoryQuery) (HistoryPage, error)

	// Buckets returns summaries of one machine's history by spans of time,
	// ordered by metric in byte order and then by time. Spans without points
	// are absent. A machine that the store has never seen is ErrNotFound; a bad
	// interval or a cursor that it did not make is ErrInvalid.
	Buckets(ctx context.Context, q BucketQuery) (BucketPage, error)

	// Downsample returns those points of each series, ordered by metric, that
	// LTTB picks from all between From and To. Series without points are
	// absent. A machine that the store has never seen is ErrNotFound.
	Downsample(ctx context.Context, q DownsampleQuery) ([]Series, error)

	// Backup writes a copy of the whole store to a new file at path while it is
	// in use: all that was acknowledged before the call, and no half of a
	// commit. A file that is there already is ErrConflict. An engine whose
	// server has its own means for this returns ErrInvalid.
	Backup(ctx context.Context, path string) error

	// Stats is cheap and never blocks on the disk.
	Stats() StoreStats

	// Ready reports nil when Append would be taken at present; otherwise an
	// error that names the cause. It is cheap: it never touches the disk.
	Ready() error

	// Close commits what is queued, releases the files and returns when no
	// goroutine of the store is left. A second Close returns nil.
	Close() error
}

// AppendResult says what became of the readings of one Append.
type AppendResult struct {
	// Accepted counts the readings that are durable now.
	Accepted int
	// Rejected lists the refused ones in ascending order of Index.
	Rejected []Rejection
}

// Rejection is one refused reading.
type Rejection struct {
	// Index is its place in the slice given to Append.
	Index int
	// Err wraps ErrInvalid or ErrNotFound and can be shown to the client.
	Err error
}

// LatestQuery selects the series whose newest reading is wanted.
type LatestQuery struct {
	// Machine and Metric restrict to one machine, one metric; "" is all.
	Machine, Metric string
	// Cursor continues a former page; "" starts.
	Cursor string
	// Limit is the most readings to return, at least 1.
	Limit int
}

// LatestPage is one page of newest readings.
type LatestPage struct {
	Readings []LatestReading
	// NextCursor continues after this page; "" at the end.
	NextCursor string
}

// LatestReading is the newest reading of a series.
type LatestReading struct {
	Reading
	// Unit is the metric's UCUM unit, "" where none is known.
	Unit string
}

// HistoryQuery selects raw points of one machine.
type HistoryQuery struct {
	Machine string
	// Metrics restricts to these; empty is all of the machine's.
	Metrics []string
	// From (inclusive) and To (exclusive) bound the observation time in Unix
	// milliseconds. Use math.MinInt64 and math.MaxInt64 for no bound.
	From, To int64
	// Cursor continues a former page; "" starts.
	Cursor string
	// Limit is the most points to return over all series, at least 1.
	Limit int
}

// HistoryPage is one page of history.
type HistoryPage struct {
	// Series holds those that have points in this page, ordered by metric.
	Series []Series
	// NextCursor continues after this page; "" at the end.
	NextCursor string
}

// Series is a run of points of one metric in ascending observation time.
type Series struct {
	Metric string
	// Unit is the metric's UCUM unit, "" where none is known.
	Unit   string
	Points []Point
}

// StoreStats are the figures that metrics and health show.
type StoreStats struct {
	// Engine is "sqlite" or "postgres".
	Engine string
	// Series counts machine-metric pairs; Machines the registered machines.
	Series, Machines int
	// Points counts readings acknowledged since start.
	Points uint64
	// Commits counts commit groups since start; CommitSeconds is the time
	// they took in all, LastCommitSeconds the last one's.
	Commits           uint64
	CommitSeconds     float64
	LastCommitSeconds float64
	// QueuedReadings wait for a commit now; QueueCapacity is the most that may.
	QueuedReadings, QueueCapacity int
	// Bytes is the size on disk, MaxBytes the most that it may be; zero where
	// unknown or without a limit.
	Bytes, MaxBytes int64
	// ExpiredPoints counts the points removed since start because they were
	// older than their retention, EvictedPoints those removed because the size
	// limit was reached.
	ExpiredPoints, EvictedPoints uint64
	// QuarantinedChunks counts the parts of the store that were found damaged
	// and set aside, since it was made.
	QuarantinedChunks int
	// Integrity is what is known of the file's integrity.
	Integrity Integrity
}

// Integrity is the outcome of the check that follows an unclean stop.
type Integrity string

// Outcomes of the check.
const (
	// IntegrityUnchecked: there was no need, or the engine's server sees to it.
	IntegrityUnchecked Integrity = "unchecked"
	// IntegrityChecking: the check is going on.
	IntegrityChecking Integrity = "checking"
	// IntegrityGood: the check found nothing.
	IntegrityGood Integrity = "good"
	// IntegrityDamaged: it found damage; what is readable is served.
	IntegrityDamaged Integrity = "damaged"
)
