package redislink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Handler receives the messages of a subscription, from one goroutine at a time
// and in the order in which they were published. It must not block. A panic in
// it closes the connection, which the link then restores.
type Handler func(channel, message string)

// Link publishes to Redis and receives what was subscribed. New makes one.
type Link struct {
	options Options
	client  rueidis.ClientOption
	queue   *queue
	wake    chan struct{} // capacity 1: changed is not empty
	current atomic.Pointer[Connection]
	cluster *cluster               // nil for a single server
	owns    func(name string) bool // of a node of a cluster with sharded pub/sub; otherwise nil

	connections atomic.Uint64

	mu            sync.Mutex
	started       bool
	err           error // nil while connected
	subscriptions map[target]*Subscription
	changed       map[target]bool // subscriptions that the connection has to update
}

// target is what can be subscribed: a channel or a pattern of channels.
type target struct {
	name    string
	pattern bool
}

// New returns a link that is not connected. The error is about the options; it
// never contains the URL.
func New(o Options) (*Link, error) {
	client, seeds, err := o.clientOption()
	if err != nil {
		return nil, err
	}
	l := newLink(o, client)
	if len(seeds) > 0 {
		l.cluster = newCluster(l, seeds)
	}
	return l, nil
}

func newLink(o Options, client rueidis.ClientOption) *Link {
	return &Link{
		options: o, client: client, queue: newQueue(o.QueueBytes, o.QueueAge), wake: make(chan struct{}, 1),
		err: ErrDisconnected, subscriptions: map[target]*Subscription{}, changed: map[target]bool{},
	}
}

// Run keeps the link connected until ctx ends. Then it publishes what is queued,
// for a second at most, unsubscribes from everything, disconnects, and returns
// nil. Later publications are dropped. A second call returns ErrRunning.
func (l *Link) Run(ctx context.Context) error {
	l.mu.Lock()
	started := l.started
	l.started = true
	l.mu.Unlock()
	if started {
		return ErrRunning
	}
	defer l.queue.close()
	if l.cluster != nil {
		l.cluster.run(ctx)
		return nil
	}
	pause := l.options.BackoffMin
	for {
		began := time.Now()
		l.connectContained(ctx)
		if time.Since(began) > 2*l.options.BackoffMax {
			pause = l.options.BackoffMin // the connection was stable
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, l.options.BackoffMax)
	}
}

// connectContained turns a panic into the loss of the connection, so that Run goes
// on.
func (l *Link) connectContained(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			l.setErr(panicError(v))
		}
	}()
	l.connect(ctx)
}

func panicError(v any) error { return fmt.Errorf("panic: %v\n%s", v, debug.Stack()) }

// disconnected records and reports why there is no connection. The end of ctx is
// not reported.
func (l *Link) disconnected(ctx context.Context, err error) {
	if ctx.Err() != nil {
		err = ErrDisconnected
	}
	l.setErr(err)
	if l.options.QueueAge == 0 {
		l.queue.clear()
	}
	if ctx.Err() == nil {
		l.reportState(err)
	}
}

func (l *Link) setErr(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *Link) reportState(err error) {
	if l.options.OnState != nil {
		l.options.OnState(err)
	}
}

// markChanged makes a new connection set up every subscription.
func (l *Link) markChanged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.changed)
	for t := range l.subscriptions {
		l.changed[t] = true
	}
}

// Err returns nil while Redis is connected and has confirmed all subscriptions
// that the connection began with. Otherwise it returns the last fault.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Publish queues a message for the subscribers of a channel. It does not block,
// and nothing reports whether the message arrives. The message must not be
// changed afterwards.
func (l *Link) Publish(channel string, message []byte) {
	if l.cluster != nil {
		if owner := l.cluster.owner(target{name: channel}); owner != nil {
			owner.Publish(channel, message)
		} else {
			l.queue.addDropped(1) // the cluster was not reached yet
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock() // so that disconnected clears what was put before it
	if l.options.QueueAge == 0 && l.err != nil {
		l.queue.addDropped(1)
		return
	}
	l.queue.put(publication{channel: channel, message: rueidis.BinaryString(message), at: time.Now()})
}

// Subscribers returns how many connections have subscribed to each channel, over
// all processes. It returns ErrDisconnected at once without a connection.
func (l *Link) Subscribers(ctx context.Context, channels ...string) (map[string]int64, error) {
	if l.cluster != nil {
		return l.cluster.subscribers(ctx, channels)
	}
	if c := l.current.Load(); c != nil {
		return c.Subscribers(ctx, channels...)
	}
	return nil, ErrDisconnected
}

// Subscription is the registration of a handler. It outlives connections.
type Subscription struct {
	link    *Link
	target  target
	handler Handler
	origin  *Subscription // of a node of a cluster: that of the whole
}

// Subscribe calls h with the messages of a channel. It replaces the handler that
// the channel had, and does not wait for Redis.
func (l *Link) Subscribe(channel string, h Handler) *Subscription {
	return l.subscribe(target{name: channel}, h)
}

// SubscribePattern calls h with the messages of all channels that match a glob
// pattern. It behaves as Subscribe.
func (l *Link) SubscribePattern(pattern string, h Handler) *Subscription {
	return l.subscribe(target{name: pattern, pattern: true}, h)
}

func (l *Link) subscribe(t target, h Handler) *Subscription {
	s := &Subscription{link: l, target: t, handler: h}
	l.mu.Lock()
	l.subscriptions[t] = s
	l.changedLocked(t)
	l.mu.Unlock()
	if l.cluster != nil {
		l.cluster.changed(t)
	}
	return s
}

func (l *Link) changedLocked(t target) {
	if l.cluster == nil {
		l.changed[t] = true
		notify(l.wake)
	}
}

// Cancel ends the subscription, unless a later one has replaced it. It does not
// wait for Redis: a message that is on its way may still be delivered.
func (s *Subscription) Cancel() {
	l := s.link
	l.mu.Lock()
	current := l.subscriptions[s.target] == s
	if current {
		delete(l.subscriptions, s.target)
		l.changedLocked(s.target)
	}
	l.mu.Unlock()
	if current && l.cluster != nil {
		l.cluster.changed(s.target)
	}
}

// deliver calls the handler of a message. A panic is returned as an error.
func (l *Link) deliver(m rueidis.PubSubMessage) (err error) {
	t := target{name: m.Channel}
	if m.Pattern != "" {
		t = target{name: m.Pattern, pattern: true}
	}
	l.mu.Lock()
	s := l.subscriptions[t]
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	s.handler(m.Channel, m.Message)
	return nil
}

// Stats are counters of a link since its start, and its present state.
type Stats struct {
	// Connected reports whether Err returns nil.
	Connected bool
	// Connections counts the connections that were established.
	Connections uint64
	// QueuedBytes wait to be published.
	QueuedBytes int
	// Dropped counts publications that did not reach Redis, as far as known.
	Dropped uint64
}

// Stats returns the present figures.
func (l *Link) Stats() Stats {
	queued, dropped := l.queue.stats()
	s := Stats{Connected: l.Err() == nil, Connections: l.connections.Load(), QueuedBytes: queued, Dropped: dropped}
	if l.cluster != nil {
		for _, node := range l.cluster.links() {
			n := node.Stats()
			s.Connections += n.Connections
			s.QueuedBytes += n.QueuedBytes
			s.Dropped += n.Dropped
		}
	}
	return s
}
