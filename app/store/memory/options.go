package memory

import "time"

// Options configure New. The zero value is a store without limits that
// registers nothing by itself.
type Options struct {
	// MaxSeries limits the series, and separately the machines; 0 is no limit.
	MaxSeries int
	// AutoRegister lets Append create series.
	AutoRegister bool
	// Retention is how long readings are stored unless their metric has its
	// own retention; 0 is forever.
	Retention time.Duration
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
