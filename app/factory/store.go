package factory

import "context"

// Store keeps readings. All methods are safe for concurrent use. After Close
// every method returns an error that wraps ErrUnavailable.
type Store interface {
	// Append stores readings and returns once they are durable: what it
	// reports as accepted is there after a crash. A reading replaces an
	// earlier one of the same machine, metric and ObservedAt (last write
	// wins, also within one call: the later index wins).
	//
	// The strings in readings need to be valid only until Append returns; the
	// store copies what it keeps, and does not hold on to the slice.
	//
	// Readings that the store refuses one by one (unknown machine while
	// registration is off, series limit reached) are listed in the result and
	// do not keep the others out. An error means that nothing is
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
	// Series counts machine-metric pairs; Machines the machines.
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
	// Bytes is the size on disk, zero where unknown.
	Bytes int64
}
