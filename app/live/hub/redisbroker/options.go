package redisbroker

import "time"

// Options configure New. Only URL is required; zero values select the defaults.
type Options struct {
	// URL is redis://[user:password@]host:port, rediss:// for TLS, or
	// unix:///path. Several hosts, separated by commas, are a Redis Cluster, which
	// is used by sharded pub/sub.
	URL string
	// Prefix begins the names of all channels. Default "smart-factory".
	Prefix string
	// PollInterval is how often Redis is asked for the subscribed rooms. A
	// process that crashed may be published to for that long. Default 10 s.
	PollInterval time.Duration
	// Timeout bounds each exchange with Redis. Default 5 s.
	Timeout time.Duration
	// BackoffMax bounds the pause before reconnecting. Default 5 s.
	BackoffMax time.Duration
	// QueueBytes bounds the messages that wait to be published. Default 8 MiB.
	QueueBytes int
}
