package sqlite

import (
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/store"
)

// Options configure Open. A zero field stands for the default that its comment
// gives.
type Options struct {
	// Path is the database file; there is no default. Open creates its
	// directory if it is missing, and a lock file next to it.
	Path string
	// AutoRegister lets Append register series that do not exist yet.
	AutoRegister bool
	// MaxSeries limits the series, and separately the machines; 100 000. A
	// file that already exceeds it stays usable but gets no more.
	MaxSeries int
	// MaxSeriesPerMachine limits the series of one machine, MaxSeriesPerSender
	// those that one factory.Sender registers while the store is open; 0 is no
	// limit of their own.
	MaxSeriesPerMachine, MaxSeriesPerSender int
	// QueueReadings limits the readings that wait for a commit; 262 144. It is
	// also the limit of one Append.
	QueueReadings int
	// SealPoints is the number of points at which a series is sealed, and the
	// maximum of one chunk; 512.
	SealPoints int
	// SealAfter is the longest time that a point stays unsealed; 10 minutes.
	SealAfter time.Duration
	// LogBytes is the size of the ingest log above which series are sealed
	// early, oldest points first; 16 MiB. It limits the memory of unsealed
	// points and the time that recovery takes. At four times this size, Append
	// returns ErrOverloaded until sealing catches up.
	LogBytes int64

	// Retention is how long readings are stored, by observation time, unless
	// their metric has its own retention; 0 is forever.
	Retention time.Duration
	// EventRetention is how long the events of the journal are stored.
	EventRetention store.EventRetention
	// MaxBytes is the size of the database above which the oldest chunks are
	// deleted. The default is four fifths of the file system, or NoLimit if
	// its size is unknown. At nine tenths of MaxBytes, OnEvent gets a warning.
	MaxBytes int64

	// OnEvent, if not nil, receives what an operator should know besides
	// faults. A goroutine of the store calls it; it must not block or call the
	// store.
	OnEvent func(store.Event)
	// OnFault, if not nil, receives the cause when commits or sealing begin to
	// fail, and nil when both work again. A goroutine of the store calls it;
	// it must not block or call the store. The cause may wrap a
	// store.PanicError.
	OnFault func(error)

	// sealEvery is the interval at which the sealer looks for work; 1 second.
	sealEvery time.Duration
	// maintainEvery is the interval of maintenance; 10 seconds.
	maintainEvery time.Duration
	// probeEvery is the interval at which a failing disk is tried again; 1
	// second.
	probeEvery time.Duration
	// now is the clock of the registry, of SealAfter and of retention;
	// time.Now.
	now func() time.Time
	// restoreAfter is how long the store waits for a missing database file to
	// return before it writes a new one; 5 seconds.
	restoreAfter time.Duration
	// vfs is the name of the SQLite file system layer; tests set it to inject
	// faults.
	vfs string
	// openWAL opens the write-ahead log for rewriteWAL; for the same tests.
	openWAL func(path string) (walFile, error)
	// aroundCommit, if not nil, replaces each COMMIT, which it gets as its
	// argument. Tests use it to let a commit fail before or after it has taken
	// effect.
	aroundCommit func(commit func() error) error
}

// NoLimit as MaxBytes disables the size limit.
const NoLimit = -1

const (
	defaultSealPoints = 512
	defaultSealAfter  = 10 * time.Minute
	defaultLogBytes   = 16 << 20
	// logHardFactor times LogBytes is the size at which Append is refused.
	logHardFactor = 4
)

// validate reports all invalid fields together.
func (o Options) validate() error {
	errs := store.CheckNotNegative(
		store.Number{Name: "MaxSeries", Value: int64(o.MaxSeries)},
		store.Number{Name: "MaxSeriesPerMachine", Value: int64(o.MaxSeriesPerMachine)},
		store.Number{Name: "MaxSeriesPerSender", Value: int64(o.MaxSeriesPerSender)},
		store.Number{Name: "QueueReadings", Value: int64(o.QueueReadings)},
		store.Number{Name: "SealPoints", Value: int64(o.SealPoints)},
		store.Number{Name: "SealAfter", Value: int64(o.SealAfter)},
		store.Number{Name: "LogBytes", Value: o.LogBytes},
		store.Number{Name: "Retention", Value: int64(o.Retention)},
	)
	errs = append(errs, store.CheckNotNegative(o.EventRetention.Numbers()...)...)
	if o.Path == "" {
		errs = append(errs, errors.New("no Path"))
	}
	if o.MaxBytes < NoLimit {
		errs = append(errs, fmt.Errorf("MaxBytes is negative: %d", o.MaxBytes))
	}
	if o.SealPoints > maxChunkPoints {
		errs = append(errs, fmt.Errorf("SealPoints exceeds %d: %d", maxChunkPoints, o.SealPoints))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	store.SetDefault(&o.MaxSeries, store.DefaultMaxSeries)
	store.SetDefault(&o.QueueReadings, store.DefaultQueueReadings)
	store.SetDefault(&o.SealPoints, defaultSealPoints)
	store.SetDefault(&o.SealAfter, defaultSealAfter)
	store.SetDefault(&o.LogBytes, defaultLogBytes)
	store.SetDefault(&o.sealEvery, time.Second)
	store.SetDefault(&o.maintainEvery, 10*time.Second)
	store.SetDefault(&o.probeEvery, time.Second)
	store.SetDefault(&o.restoreAfter, 5*time.Second)
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

// seriesLimits returns the limits of what may be registered.
func (o Options) seriesLimits() store.SeriesLimits {
	return store.SeriesLimits{Total: o.MaxSeries, PerMachine: o.MaxSeriesPerMachine, PerSender: o.MaxSeriesPerSender}
}
