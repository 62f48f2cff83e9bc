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
	// with the parameters of libpq, including several hosts and
	// target_session_attrs. Its search_path determines the schema. It is required.
	URL string
	// AutoRegister makes Append register unknown series.
	AutoRegister bool
	// MaxSeries bounds the series of the whole database, and the machines; the
	// default is 100 000. Existing series above the limit are kept.
	MaxSeries int
	// MaxSeriesPerMachine limits the series of one machine, MaxSeriesPerSender
	// those that one factory.Sender registers while the store is open; 0 is no
	// limit of their own.
	MaxSeriesPerMachine, MaxSeriesPerSender int
	// QueueReadings bounds the readings that wait for a commit, and those of a
	// single Append; the default is 262 144.
	QueueReadings int
	// Retention is how long readings are kept, by observation time, unless their
	// metric has a retention of its own. 0 means forever.
	Retention time.Duration
	// EventRetention is how long the events of the journal are stored.
	EventRetention store.EventRetention
	// MaxBytes is the size of the tables above which the oldest partitions are
	// dropped. Nine tenths of it cause an EventNearLimit. 0 means no limit.
	MaxBytes int64
	// MaxConns bounds the connections of this process to the server. It must be at
	// least 7; the default is 16.
	MaxConns int
	// StartTimeout is how long Open and Migrate wait until the server can be reached
	// (15 s). Then they return ErrUnreachable.
	StartTimeout time.Duration
	// ConnectTimeout bounds each attempt to connect, and the time that a query
	// waits for a connection. The default is 5 s.
	ConnectTimeout time.Duration
	// StatementTimeout bounds each statement. The server cancels a statement that
	// takes longer; if it does not respond, the store closes the connection. The
	// default is 10 s.
	StatementTimeout time.Duration

	// OnFault, if not nil, is called with the cause when the server becomes
	// unavailable, or commits or maintenance begin to fail, and with nil when
	// everything works again. The cause may be a store.PanicError. OnFault is
	// called from goroutines of the store and must neither block nor call the
	// store.
	OnFault func(error)
	// OnEvent, if not nil, is called for each Event, under the same rules as
	// OnFault.
	OnEvent func(store.Event)

	// The following fields are set by tests only.

	// committers is the number of concurrent commits; the default is 2.
	committers int
	// groupReadings bounds the readings of a group of several Appends; the default
	// is 20 000.
	groupReadings int
	// pollInterval is the time between checks of the server and the registry's
	// version; the default is 1 s.
	pollInterval time.Duration
	// maintenanceInterval is the time between maintenance rounds; the default is
	// 30 s.
	maintenanceInterval time.Duration
	// rollupInterval is the minimum time between rebuilds of the rollups that have
	// become invalid; the default is 2 min.
	rollupInterval time.Duration
	// now is the clock of the registry, retention and partitions; the default is
	// time.Now.
	now func() time.Time
	// aroundCommit, if not nil, replaces each commit and may call it, to simulate
	// failures before or after the commit.
	aroundCommit func(commit func() error) error
}

const (
	defaultMaxConns         = 16
	defaultConnectTimeout   = 5 * time.Second
	defaultStatementTimeout = 10 * time.Second
	defaultCommitters       = 2
	defaultGroupReadings    = 20_000
	// minConns is one connection for each committer, one for the registry and the
	// journal, one each for the monitor, the leader and notifications, and one for
	// queries.
	minConns = 7
)

// validate returns an error that lists all invalid fields.
func (o Options) validate() error {
	errs := store.CheckNotNegative(
		store.Number{Name: "MaxSeries", Value: int64(o.MaxSeries)},
		store.Number{Name: "MaxSeriesPerMachine", Value: int64(o.MaxSeriesPerMachine)},
		store.Number{Name: "MaxSeriesPerSender", Value: int64(o.MaxSeriesPerSender)},
		store.Number{Name: "QueueReadings", Value: int64(o.QueueReadings)},
		store.Number{Name: "Retention", Value: int64(o.Retention)},
		store.Number{Name: "MaxBytes", Value: o.MaxBytes},
		store.Number{Name: "ConnectTimeout", Value: int64(o.ConnectTimeout)},
		store.Number{Name: "StatementTimeout", Value: int64(o.StatementTimeout)},
	)
	errs = append(errs, store.CheckNotNegative(o.EventRetention.Numbers()...)...)
	if o.URL == "" {
		errs = append(errs, errors.New("no URL"))
	}
	if o.MaxConns != 0 && o.MaxConns < minConns {
		errs = append(errs, fmt.Errorf("MaxConns is less than %d: %d", minConns, o.MaxConns))
	}
	return errors.Join(errs...)
}

// withDefaults returns o with the default of each field that is zero.
func (o Options) withDefaults() Options {
	store.SetDefault(&o.MaxSeries, store.DefaultMaxSeries)
	store.SetDefault(&o.QueueReadings, store.DefaultQueueReadings)
	store.SetDefault(&o.MaxConns, defaultMaxConns)
	store.SetDefault(&o.ConnectTimeout, defaultConnectTimeout)
	store.SetDefault(&o.StatementTimeout, defaultStatementTimeout)
	store.SetDefault(&o.committers, defaultCommitters)
	store.SetDefault(&o.groupReadings, defaultGroupReadings)
	store.SetDefault(&o.pollInterval, time.Second)
	store.SetDefault(&o.maintenanceInterval, 30*time.Second)
	store.SetDefault(&o.rollupInterval, 2*time.Minute)
	store.SetDefault(&o.StartTimeout, 15*time.Second)
	if o.now == nil {
		o.now = time.Now
	}
	return o
}

// reportEvent calls OnEvent.
func (o *Options) reportEvent(e store.Event) {
	if o.OnEvent != nil {
		o.OnEvent(e)
	}
}

// nowMillis returns the current time in Unix milliseconds.
func (o *Options) nowMillis() int64 { return o.now().UnixMilli() }

// expiry returns the time before which readings with the given retention have
// expired; see factory.Metric.
func (o *Options) expiry(retention time.Duration, now int64) int64 {
	return store.Expiry(retention, o.Retention, now)
}

// seriesLimits returns the limits of what may be registered.
func (o Options) seriesLimits() store.SeriesLimits {
	return store.SeriesLimits{Total: o.MaxSeries, PerMachine: o.MaxSeriesPerMachine, PerSender: o.MaxSeriesPerSender}
}
