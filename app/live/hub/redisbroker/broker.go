package redisbroker

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/socketio/redislink"
)

// Broker is a hub.Broker over Redis. New makes one.
type Broker struct {
	prefix string
	id     string // identifies this broker in its announcements
	link   *redislink.Link

	listenerMu sync.Mutex // held while the listener is called
	listener   hub.Listener

	mu            sync.Mutex
	subscriptions map[string]*redislink.Subscription // by room
	// interest has the rooms that other processes have subscribed to, with the
	// poll that found each last.
	interest map[string]int
	polls    int
}

// Stats are figures of the connection to Redis.
type Stats = redislink.Stats

// New returns a broker that is not connected. The error is about the options.
func New(o Options) (*Broker, error) {
	prefix, id := cmp.Or(o.Prefix, "smart-factory"), rand.Text()[:idLength]
	b := &Broker{
		prefix: prefix, id: id,
		subscriptions: map[string]*redislink.Subscription{}, interest: map[string]int{},
	}
	var err error
	b.link, err = redislink.New(redislink.Options{
		URL: o.URL, Sharded: redislink.IsCluster(o.URL), ClientName: prefix, Timeout: cmp.Or(o.Timeout, 5*time.Second),
		BackoffMin: 100 * time.Millisecond, BackoffMax: cmp.Or(o.BackoffMax, 5*time.Second),
		QueueBytes: cmp.Or(o.QueueBytes, 8<<20), OnState: b.onState, OnSubscribed: b.announce,
		Poll: b.pollInterest, PollInterval: cmp.Or(o.PollInterval, 10*time.Second),
	})
	if err != nil {
		return nil, err
	}
	b.link.Subscribe(b.interestChannel(), b.onAnnouncement)
	return b, nil
}

// idLength is the length of a broker's id in its announcements.
const idLength = 16

// interestChannel carries announcements: the id of a broker, then the name of a
// room that it has subscribed to.
func (b *Broker) interestChannel() string        { return b.prefix + ":wishes" }
func (b *Broker) roomPrefix() string             { return b.prefix + ":room:" }
func (b *Broker) roomChannel(room string) string { return b.roomPrefix() + room }

// Run is described at hub.Broker.
func (b *Broker) Run(ctx context.Context, l hub.Listener) error {
	b.listenerMu.Lock()
	if b.listener != nil {
		b.listenerMu.Unlock()
		return hub.ErrRunning
	}
	b.listener = l
	b.listenerMu.Unlock()
	return b.link.Run(ctx)
}

// Stats returns the present figures.
func (b *Broker) Stats() Stats { return b.link.Stats() }

// Publish is described at hub.Broker. When the queue is full, the oldest message
// is dropped.
func (b *Broker) Publish(room string, message []byte) { b.link.Publish(b.roomChannel(room), message) }

// Subscribe is described at hub.Broker.
func (b *Broker) Subscribe(room string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subscriptions[room] == nil {
		b.subscriptions[room] = b.link.Subscribe(b.roomChannel(room), b.onMessage)
	}
}

// Unsubscribe is described at hub.Broker.
func (b *Broker) Unsubscribe(room string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.subscriptions[room]; s != nil {
		s.Cancel()
		delete(b.subscriptions, room)
	}
}

// notify calls the listener, from one goroutine at a time.
func (b *Broker) notify(call func(hub.Listener)) {
	b.listenerMu.Lock()
	defer b.listenerMu.Unlock()
	call(b.listener)
}

func (b *Broker) onState(err error) {
	b.notify(func(l hub.Listener) { l.OnState(err) })
}

func (b *Broker) onMessage(channel, message string) {
	room := strings.TrimPrefix(channel, b.roomPrefix())
	b.notify(func(l hub.Listener) { l.OnMessage(room, []byte(message)) })
}
