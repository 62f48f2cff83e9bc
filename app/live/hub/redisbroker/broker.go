package redisbroker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"

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
	o = o.withDefaults()
	b := &Broker{
		prefix: o.Prefix, id: randomID(),
		subscriptions: map[string]*redislink.Subscription{}, interest: map[string]int{},
	}
	var err error
	b.link, err = redislink.New(redislink.Options{
		URL: o.URL, ClientName: o.Prefix, Timeout: o.Timeout, BackoffMin: o.BackoffMin, BackoffMax: o.BackoffMax,
		QueueBytes: o.QueueBytes, OnState: b.onState, OnSubscribed: b.announce, Poll: b.pollInterest, PollInterval: o.PollInterval,
	})
	if err != nil {
		return nil, err
	}
	b.link.Subscribe(b.interestChannel(), b.onAnnouncement)
	return b, nil
}

// idLength is the length of a broker's id in its announcements.
const idLength = 16

func randomID() string {
	var id [idLength / 2]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

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
