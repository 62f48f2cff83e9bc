package redisbroker

import (
	"errors"
	"net"
	"time"

	"github.com/redis/rueidis"
)

// Options configure New.
type Options struct {
	// URL is redis://[user:password@]host:port, rediss:// for TLS, or
	// unix:///path.
	URL string
	// Prefix begins the names of all channels ("smart-factory").
	Prefix string
	// Poll is how often Redis is asked what is wanted (10 s); it is also how
	// long a process that has gone may still be written for.
	PollInterval time.Duration
	// Timeout bounds every exchange with Redis (5 s).
	Timeout time.Duration
	// BackoffMin and BackoffMax bound the pause before connecting again (100 ms
	// and 5 s).
	BackoffMin, BackoffMax time.Duration
	// QueueBytes bounds what waits to be published (8 MiB).
	QueueBytes int
}

func (o Options) withDefaults() Options {
	setDefault(&o.Prefix, "smart-factory")
	setDefault(&o.PollInterval, 10*time.Second)
	setDefault(&o.Timeout, 5*time.Second)
	setDefault(&o.BackoffMin, 100*time.Millisecond)
	setDefault(&o.BackoffMax, 5*time.Second)
	setDefault(&o.QueueBytes, 8<<20)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

var errURL = errors.New("redis: the URL is not understood")

// client returns the options of the library: one connection for commands and
// one for messages, small buffers, and no tries of its own, since a session
// that has a fault ends.
func (o Options) client() (rueidis.ClientOption, error) {
	c, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return c, errURL // the library's error may show the password
	}
	c.Dialer = net.Dialer{Timeout: o.Timeout, KeepAlive: o.Timeout}
	c.ConnWriteTimeout = o.Timeout
	c.ForceSingleClient, c.DisableRetry, c.DisableCache = true, true, true
	c.PipelineMultiplex, c.RingScaleEachConn = -1, 8
	c.ReadBufferEachConn, c.WriteBufferEachConn = 32<<10, 32<<10
	c.ClientName = o.Prefix
	return c, nil
}
