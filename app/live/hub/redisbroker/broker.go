package redisbroker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/live/hub"

	"github.com/redis/rueidis"
)

// Broker is a hub.Broker. It is made by New.
type Broker struct {
	options Options
	client  rueidis.ClientOption
	wake    chan struct{} // has one when the session has something to do
	self    string        // names the broker in announcements

	// telling is held while the listener is called.
	telling sync.Mutex

	mu sync.Mutex
	// started and up say whether Run was called, and whether a session stands.
	started, up bool
	// rooms are subscribed as far as our side is concerned; changed are those
	// whose subscription has to follow.
	rooms   map[string]bool
	changed map[string]bool
	// wanted are the rooms that others want, with the round of asking in which
	// that was last heard; round counts these.
	wanted map[string]int
	round  int
	// announce are rooms whose subscription Redis has confirmed.
	announce []string
	queue    []publication
	queued   int // bytes in queue

	sessions, dropped atomic.Uint64
}

type publication struct {
	channel string
	message []byte
}

// New returns a broker that is not connected. The error is about the URL.
func New(o Options) (*Broker, error) {
	o = o.withDefaults()
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	return &Broker{
		options: o, client: client, self: newSelf(), wake: make(chan struct{}, 1),
		rooms: map[string]bool{}, changed: map[string]bool{}, wanted: map[string]int{},
	}, nil
}

// Stats are figures of a broker.
type Stats struct {
	// Connected reports whether a session stands.
	Connected bool
	// Sessions counts those that stood since the start; all but the first are
	// reconnections. Dropped counts messages that could not be published.
	Connections, Dropped uint64
}

// Stats returns the present figures.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{Connected: b.up, Connections: b.sessions.Load(), Dropped: b.dropped.Load()}
}

// Run keeps a session with Redis until ctx ends.
func (b *Broker) Run(ctx context.Context, l hub.Listener) error {
	b.mu.Lock()
	started := b.started
	b.started = true
	b.mu.Unlock()
	if started {
		return hub.ErrRunning
	}
	pause := b.options.BackoffMin
	for ctx.Err() == nil {
		begin := time.Now()
		stood, err := b.connect(ctx, l)
		b.hang()
		if ctx.Err() != nil {
			break
		}
		b.tell(func() { l.OnState(err) })
		if stood && time.Since(begin) > b.options.BackoffMax {
			pause = b.options.BackoffMin
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, b.options.BackoffMax)
	}
	return nil
}

// hang notes that no session stands, and drops what waited for one.
func (b *Broker) hang() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.announce = false, nil
	b.dropped.Add(uint64(len(b.queue)))
	b.queue, b.queued = nil, 0
}

// tell calls the listener.
func (b *Broker) tell(call func()) {
	b.telling.Lock()
	defer b.telling.Unlock()
	call()
}

// contained runs f; a panic in it is returned as an error.
func contained(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	f()
	return nil
}

func (b *Broker) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Publish queues a message for those who have subscribed the room.
func (b *Broker) Publish(room string, message []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := len(room) + len(message) + 128
	if !b.up || b.queued+size > b.options.QueueBytes {
		b.dropped.Add(1)
		return
	}
	b.queue = append(b.queue, publication{b.channel(room), message})
	b.queued += size
	b.nudge()
}

// Subscribe asks for the messages of a room.
func (b *Broker) Subscribe(room string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rooms[room] = true
	b.changed[room] = true
	b.nudge()
}

// Unsubscribe ends what Subscribe began.
func (b *Broker) Unsubscribe(room string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rooms, room)
	b.changed[room] = true
	b.nudge()
}
