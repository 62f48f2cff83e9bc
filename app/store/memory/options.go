package memory

import (
	"time"

	"smart-factory-backend/app/store"
)

// Options configure New. The zero value is a store without limits that
// registers nothing by itself.
type Options struct {
	// MaxSeries limits the series, and separately the machines; 0 is no limit.
	MaxSeries int
	// MaxSeriesPerMachine limits the series of one machine, MaxSeriesPerSender
	// those that one factory.Sender registers while the store is open; 0 is no
	// limit of their own.
	MaxSeriesPerMachine, MaxSeriesPerSender int
	// AutoRegister lets Append create series.
	AutoRegister bool
	// Retention is how long readings are stored unless their metric has its
	// own retention; 0 is forever.
	Retention time.Duration
	// EventRetention is how long events are stored. Write deletes those that have
	// expired.
	EventRetention store.EventRetention
	// Now is the clock of the registry and of retention; nil is time.Now.
	Now func() time.Time
}

// now returns the current time in Unix milliseconds.
func (o Options) now() int64 {
	if o.Now == nil {
		return time.Now().UnixMilli()
	}
	return o.Now().UnixMilli()
}

// seriesLimits returns the limits of what may be registered.
func (o Options) seriesLimits() store.SeriesLimits {
	return store.SeriesLimits{Total: o.MaxSeries, PerMachine: o.MaxSeriesPerMachine, PerSender: o.MaxSeriesPerSender}
}
