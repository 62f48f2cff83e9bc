package redisadapter

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/redislink"
)

// Connector is the connection to Redis that the adapters of a process share. All
// methods may be called concurrently.
type Connector struct {
	options   Options
	link      *redislink.Link
	malformed rateLimitedCounter
	connected bool // as last reported; used by the goroutine of Run only
}

// New returns a connector that connects once Run is called. The error is about
// the options.
func New(o Options) (*Connector, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Connector{options: o}
	c.link, err = redislink.New(redislink.Options{
		URL: o.URL, ClientName: "socketio-adapter", Timeout: 3 * time.Second,
		BackoffMin: 50 * time.Millisecond, BackoffMax: 3 * time.Second,
		QueueBytes: o.QueueBytes, QueueAge: o.QueueAge, OnState: c.onState, Sharded: o.Mode != Classic,
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Run connects, and reconnects after each loss, until ctx ends. Then it publishes
// what is queued, for a second at most, and unsubscribes, so that the other
// servers stop waiting for this one. It returns nil. The adapters then serve
// their own sockets only. A second call returns ErrRunning.
func (c *Connector) Run(ctx context.Context) error { return c.link.Run(ctx) }

// Adapter returns the adapter of a namespace. It is a socketio.AdapterFactory.
func (c *Connector) Adapter(ns *socketio.Namespace) socketio.Adapter {
	return newAdapter(socketio.NewMemoryAdapter(ns), c)
}

// Err returns nil while Redis is connected and the channels are subscribed.
// Otherwise it returns the reason. It does not wait.
func (c *Connector) Err() error { return c.link.Err() }

// onState reports changes only: redislink also reports each failed attempt.
func (c *Connector) onState(err error) {
	if c.connected == (err == nil) {
		return
	}
	c.connected = err == nil
	if err == nil {
		c.options.Log.Info("redis connected")
	} else {
		c.options.Log.Warn("redis lost", slog.Any("error", err))
	}
	c.options.OnState(err)
}

// Stats are counters of a connector since its start, and its present state.
type Stats struct {
	// Connected reports whether Err returns nil.
	Connected bool
	// QueuedBytes wait to be published.
	QueuedBytes int
	// Dropped counts publications that did not reach Redis, as far as known.
	Dropped uint64
	// Malformed counts messages of other servers that were dropped.
	Malformed uint64
}

// Stats returns the present figures.
func (c *Connector) Stats() Stats {
	s := c.link.Stats()
	return Stats{Connected: s.Connected, QueuedBytes: s.QueuedBytes, Dropped: s.Dropped, Malformed: c.malformed.n.Load()}
}

// handler wraps f for a subscription: messages that are too large are dropped,
// and a panic costs only the message that caused it.
func (c *Connector) handler(f redislink.Handler) redislink.Handler {
	return func(channel, message string) {
		if len(message) > c.options.MaxMessage {
			c.drop(channel, fmt.Errorf("%w: %d bytes", errMalformed, len(message)))
			return
		}
		defer func() {
			if v := recover(); v != nil {
				c.malformed.add()
				c.options.Log.Error("panic at a message from redis", slog.String("channel", channel),
					slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			}
		}()
		f(channel, message)
	}
}

// drop counts a message of another server that cannot be handled.
func (c *Connector) drop(channel string, err error) {
	if n, report := c.malformed.add(); report {
		c.options.Log.Warn("messages from redis dropped", slog.String("channel", channel),
			slog.Any("error", err), slog.Uint64("total", n))
	}
}

// rateLimitedCounter counts events and limits how often they are logged.
type rateLimitedCounter struct {
	n    atomic.Uint64
	last atomic.Int64 // when add last returned true; Unix time in nanoseconds
}

// add counts an event. report is true for the first one and at most every ten
// seconds after it.
func (c *rateLimitedCounter) add() (n uint64, report bool) {
	const interval = 10 * time.Second
	now, last := time.Now().UnixNano(), c.last.Load()
	report = (last == 0 || now-last > int64(interval)) && c.last.CompareAndSwap(last, now)
	return c.n.Add(1), report
}

// randomID returns 6 random letters and digits: a uid or a requestId as the Node
// packages make them.
func randomID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var id [6]byte
	for i := range id {
		id[i] = alphabet[rand.N(len(alphabet))]
	}
	return string(id[:])
}
