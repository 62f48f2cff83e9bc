package redislink

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// Options configure a Link. URL, Timeout, BackoffMin, BackoffMax and QueueBytes
// are required. The hooks may be nil. They are called from the goroutine of Run,
// one at a time, and must not block.
type Options struct {
	// URL is redis://[user:password@]host:port[/db], rediss:// for TLS, or
	// unix:///path. Several hosts, separated by commas, are nodes of a Redis
	// Cluster, of which one that responds is enough to find the others.
	URL string
	// Sharded uses sharded pub/sub (Redis 7) for all channels. Patterns do not
	// exist there.
	Sharded bool
	// ClientName is shown by CLIENT LIST, unless the URL sets another name.
	ClientName string
	// Timeout bounds each exchange with Redis. It is also the interval of the
	// pings that detect a server which stopped responding.
	Timeout time.Duration
	// BackoffMin and BackoffMax bound the pause before the next attempt to
	// connect. The pause doubles with each failure and has jitter.
	BackoffMin, BackoffMax time.Duration
	// QueueBytes bounds the publications that wait to be sent. When the queue is
	// full, the oldest publication is dropped. A cluster has a queue for each node.
	QueueBytes int
	// QueueAge is how long a publication may wait for a connection before it is
	// dropped. Zero drops publications at once while there is no connection.
	QueueAge time.Duration

	// OnState reports each successful connection (nil) and each loss or failed
	// attempt (the reason). It is not called for the end of Run.
	OnState func(err error)
	// OnSubscribed receives channels once Redis has confirmed their subscription;
	// after a reconnection all of them. It follows OnState.
	OnSubscribed func(channels []string)
	// Poll is called after each connection, of each node of a cluster, (first is true) and then at every
	// PollInterval. It may wait for c, for at most Timeout. An error closes the
	// connection. PollInterval is required with Poll.
	Poll         func(ctx context.Context, c *Connection, first bool) error
	PollInterval time.Duration
}

// clientOption validates the options and translates them for rueidis. Its own
// retries are off: they would hide that messages were lost.
func (o Options) clientOption() (c rueidis.ClientOption, seeds []string, err error) {
	c, seeds, err = parseURL(o.URL)
	if err != nil || o.URL == "" {
		return c, nil, errURL
	}
	if o.Timeout <= 0 || o.BackoffMin <= 0 || o.BackoffMax < o.BackoffMin || o.QueueBytes <= 0 || o.QueueAge < 0 || o.Poll != nil && o.PollInterval <= 0 {
		return c, nil, fmt.Errorf("redis: invalid limits: timeout %v, backoff %v to %v, queue %d bytes and %v, poll interval %v",
			o.Timeout, o.BackoffMin, o.BackoffMax, o.QueueBytes, o.QueueAge, o.PollInterval)
	}
	c.ForceSingleClient = c.Sentinel.MasterSet == ""
	c.DisableRetry, c.DisableCache = true, true
	c.PipelineMultiplex = -1 // one connection for commands
	c.RingScaleEachConn = 9
	c.ReadBufferEachConn, c.WriteBufferEachConn = 64<<10, 64<<10
	c.Dialer.Timeout = cmp.Or(c.Dialer.Timeout, o.Timeout)
	c.Dialer.KeepAlive = cmp.Or(c.Dialer.KeepAlive, o.Timeout) // also the interval of rueidis' pings
	c.ConnWriteTimeout = cmp.Or(c.ConnWriteTimeout, o.Timeout)
	c.ClientName = cmp.Or(c.ClientName, o.ClientName)
	return c, seeds, nil
}
