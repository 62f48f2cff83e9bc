package sqlite

import (
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/store"
)

// Options configure Open. Zero means the default given with each field.
type Options struct {
	// Path is the database file; it has no default. Its directory is created
	// if missing, and a lock file stands beside it.
	Path string
	// AutoRegister lets Append create series that it sees for the first time.
	AutoRegister bool
	// MaxSeries bounds the machine-metric pairs; 100 000. A file that has more
	// already is opened and keeps them.
	MaxSeries int
	// QueueReadings bounds the readings that wait for a commit; 262 144. No
	// single Append may bring more.
	QueueReadings int
	// SealPoints is the number of points at which a series is sealed and the
	// most that one chunk holds; 512.
	SealPoints int
	// SealAfter is the longest that a point waits to be sealed; 10 minutes.
	SealAfter time.Duration
	// LogBytes is the size of the ingest log from which series are sealed
	// early, oldest points first; 16 MiB. It bounds the memory that unsealed
	// points take and the work of the next start. At four times this size
	// Append answers ErrOverloaded until sealing has caught up.
	LogBytes int64

	// Retention is how long readings are kept, by observation time, where their
	// metric does not say; 0 is for ever.
	Retention time.Duration
	// MaxBytes is the size of the file from which the oldest chunks of all are
	// removed; four fifths of the file system, where that is known. NoLimit is
	// none. From nine tenths of it on there is a warning.
	MaxBytes int64

	// OnEvent, where set, hears what an operator wants to know and that is no
	// fault of the moment. It is called by a goroutine of the store and must
	// neither block nor call the store.
	OnEvent func(Event)
	// OnFault, where set, hears when commits or sealing begin to fail and why,
	// and gets nil when all works again. It is called by a goroutine of the
	// store and must not block nor call the store. The cause may be a
	// PanicError.
	OnFault func(error)

	// sealEvery is how often the sealer looks for work; a second.
	sealEvery time.Duration
	// maintainEvery is how often the sealer looks what is to be removed; 10
	// seconds.
	maintainEvery time.Duration
	// probeEvery is how often a failing disk is tried again; a second.
	probeEvery time.Duration
	// now is the clock behind SealAfter; time.Now.
	now func() time.Time
	// restoreAfter is how long a file that is gone may be put back before it is
	// written anew; 5 seconds.
	restoreAfter time.Duration
	// vfs names SQLite's file system layer, for tests of files that fail.
	vfs string
	// openWAL opens the write-ahead log for rewriteLog, for the same tests.
	openWAL func(path string) (walFile, error)
	// aroundCommit, where set, is called in place of each COMMIT, which it is
	// given; for tests of what happens when that fails, before or after it has
	// taken effect.
	aroundCommit func(commit func() error) error
}

// NoLimit is a MaxBytes without an end.
const NoLimit = -1

const (
	defaultSealPoints = 512
	defaultSealAfter  = 10 * time.Minute
	defaultLogBytes   = 16 << 20
	// logHardFactor times LogBytes is where Append stops taking readings.
	logHardFactor = 4
)

// validate reports all bad fields together.
func (o Options) validate() error {
	errs := store.CheckNotNegative(
		store.Number{Name: "MaxSeries", Value: int64(o.MaxSeries)},
		store.Number{Name: "QueueReadings", Value: int64(o.QueueReadings)},
		store.Number{Name: "SealPoints", Value: int64(o.SealPoints)},
		store.Number{Name: "SealAfter", Value: int64(o.SealAfter)},
		store.Number{Name: "LogBytes", Value: o.LogBytes},
		store.Number{Name: "Retention", Value: int64(o.Retention)},
	)
	if o.Path == "" {
		errs = append(errs, errors.New("no Path"))
	}
	if o.MaxBytes < NoLimit {
		errs = append(errs, fmt.Errorf("MaxBytes is negative: %d", o.MaxBytes))
	}
	if o.SealPoints > maxChunkPoints {
		errs = append(errs, fmt.Errorf("SealPoints is more than %d: %d", maxChunkPoints, o.SealPoints))
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
