package postgres

import (
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/store"
)

// Options configure Open. Zero means the default given with each field.
type Options struct {
	// URL is the connection string, postgres://user:password@host:port/database
	// with the parameters that libpq knows; it has no default. Its search_path
	// decides the schema. Several hosts and target_session_attrs are allowed.
	URL string
	// AutoRegister lets Append create series that it sees for the first time.
	AutoRegister bool
	// MaxSeries bounds the machine-metric pairs of the whole database; 100 000.
	// A database that has more already keeps them.
	MaxSeries int
	// QueueReadings bounds the readings that wait for a commit; 262 144. No
	// single Append may bring more.
	QueueReadings int
	// Retention is how long readings are kept, by observation time, where their
	// metric does not say; 0 is for ever.
	Retention time.Duration
	// MaxBytes is the size of the tables from which the oldest partitions are
	// dropped; 0 is no limit. From nine tenths of it on there is a warning.
	MaxBytes int64
	// MaxConns bounds the connections of this process to the server; 16, at
	// least 6.
	MaxConns int
	// ConnectTimeout bounds each try to connect, and how long a query waits for
	// a connection; 5 seconds.
	ConnectTimeout time.Duration
	// StatementTimeout bounds each statement; 10 seconds. The server ends one
	// that takes longer; if the server is silent too, so does the store.
	StatementTimeout time.Duration

	// OnFault, where set, hears when the server can't be reached, or commits or
	// upkeep begin to fail, and why, and gets nil when all works again. It is
	// called by a goroutine of the store and must not block nor call the
	// store. The cause may be a PanicError.
	OnFault func(error)
	// OnEvent, where set, hears what an operator wants to know and that is no
	// fault of the moment. It is called like OnFault.
	OnEvent func(Event)

	// committers is how many groups are committed at once; 2.
	committers int
	// groupReadings is where a group of several Appends is full; 20 000.
	groupReadings int
	// pollEvery is how often the store looks whether the server is there and
	// the registry has changed; a second.
	pollEvery time.Duration
	// upkeepEvery is how often the leader looks for work; 30 seconds.
	upkeepEvery time.Duration
	// rollEvery is how long what was changed waits to be rolled up; 2 minutes.
	rollEvery time.Duration
	// startWithin is how long Open waits for a server that is not there yet; 15
	// seconds.
	startWithin time.Duration
	// now is the clock of the registry, of retention and of partitions;
	// time.Now.
	now func() time.Time
	// aroundCommit, where set, is called in place of each commit, which it is
	// given; for tests of what happens when that fails, before or after it has
	// taken effect.
	aroundCommit func(commit func() error) error
}

const (
	defaultMaxConns         = 16
	defaultConnectTimeout   = 5 * time.Second
	defaultStatementTimeout = 10 * time.Second
	defaultCommitters       = 2
	defaultGroupReadings    = 20_000
	// minConns is one for each committer, one for the registry, one for the
	// poll, one to lead, and one to read.
	minConns = 6
)

// validate reports all bad fields together.
func (o Options) validate() error {
	errs := store.CheckNotNegative(
		store.Number{Name: "MaxSeries", Value: int64(o.MaxSeries)},
		store.Number{Name: "QueueReadings", Value: int64(o.QueueReadings)},
		store.Number{Name: "Retention", Value: int64(o.Retention)},
		store.Number{Name: "MaxBytes", Value: o.MaxBytes},
		store.Number{Name: "ConnectTimeout", Value: int64(o.ConnectTimeout)},
		store.Number{Name: "StatementTimeout", Value: int64(o.StatementTimeout)},
	)
	if o.URL == "" {
		errs = append(errs, errors.New("no URL"))
	}
	if o.MaxConns != 0 && o.MaxConns < minConns {
		errs = append(errs, fmt.Errorf("MaxConns is less than %d: %d", minConns, o.MaxConns))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	store.SetDefault(&o.MaxSeries, store.DefaultMaxSeries)
	store.SetDefault(&o.QueueReadings, store.DefaultQueueReadings)
	store.SetDefault(&o.MaxConns, defaultMaxConns)
	store.SetDefault(&o.ConnectTimeout, defaultConnectTimeout)
	store.SetDefault(&o.StatementTimeout, defaultStatementTimeout)
	store.SetDefault(&o.committers, defaultCommitters)
	store.SetDefault(&o.groupReadings, defaultGroupReadings)
	store.SetDefault(&o.pollEvery, time.Second)
	store.SetDefault(&o.upkeepEvery, 30*time.Second)
	store.SetDefault(&o.rollEvery, 2*time.Minute)
	store.SetDefault(&o.startWithin, 15*time.Second)
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

func (o *Options) event(e Event) {
	if o.OnEvent != nil {
		o.OnEvent(e)
	}
}

// nowMillis is the present in Unix milliseconds.
func (o *Options) nowMillis() int64 { return o.now().UnixMilli() }

// expiry is the time before which readings with the given retention are
// expired; see factory.Metric.
func (o *Options) expiry(retention time.Duration, now int64) int64 {
	return store.Expiry(retention, o.Retention, now)
}
