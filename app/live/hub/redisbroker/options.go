package redisbroker

import (
	"cmp"
	"time"
)

// Options configure New. Only URL is required; zero values select the defaults.
type Options struct {
	// URL is redis://[user:password@]host:port, rediss:// for TLS, or
	// unix:///path.
	URL string
	// Prefix begins the names of all channels. Default "smart-factory".
	Prefix string
	// PollInterval is how often Redis is asked for the subscribed rooms. A
	// process that crashed may be published to for that long. Default 10 s.
	PollInterval time.Duration
	// Timeout bounds each exchange with Redis. Default 5 s.
	Timeout time.Duration
	// BackoffMin and BackoffMax bound the pause before reconnecting. Default
	// 100 ms and 5 s.
	BackoffMin, BackoffMax time.Duration
	// QueueBytes bounds the messages that wait to be published. Default 8 MiB.
	QueueBytes int
}

func (o Options) withDefaults() Options {
	o.Prefix = cmp.Or(o.Prefix, "smart-factory")
	o.PollInterval = cmp.Or(o.PollInterval, 10*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.BackoffMin = cmp.Or(o.BackoffMin, 100*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, 5*time.Second)
	o.QueueBytes = cmp.Or(o.QueueBytes, 8<<20)
	return o
}
