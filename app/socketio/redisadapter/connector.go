package redisadapter

import (
	"context"
	"crypto/rand"

	"smart-factory-backend/app/socketio"
)

// Redis is the connection of a process to the other servers. All its methods
// may be called concurrently.
type Connector struct {
	link *link
}

// New returns a connection that is not made before Run is called. The error is
// about the options alone.
func New(o Options) (*Connector, error) {
	l, err := newLink(o)
	if err != nil {
		return nil, err
	}
	return &Connector{link: l}, nil
}

// Run connects, and connects again whenever Redis is lost, until ctx ends. Then
// it publishes what still waits, for a second at most, and gives the
// subscriptions up, so that the other servers stop waiting for this one; the
// adapters go on with their own sockets. It returns nil then; a second call
// returns ErrRunning at once.
func (r *Connector) Run(ctx context.Context) error { return r.link.run(ctx) }

// Adapter returns the adapter of a namespace. It is a socketio.AdapterFactory.
func (r *Connector) Adapter(ns *socketio.Namespace) socketio.Adapter {
	return newAdapter(socketio.NewMemoryAdapter(ns), r.link)
}

// Err returns nil while all subscriptions stand, and otherwise why they don't.
// It is cheap.
func (r *Connector) Err() error { return r.link.state() }

// Stats are the figures of a connection since its start.
type Stats struct {
	// Connected says whether all subscriptions stand.
	Connected bool
	// QueuedBytes wait to be published.
	QueuedBytes int
	// Lost publications did not get to Redis in time, or at all.
	Dropped uint64
	// Dropped messages of other servers were malformed.
	Malformed uint64
}

// Stats returns the figures of this moment.
func (r *Connector) Stats() Stats {
	waiting, lost := r.link.queue.counts()
	return Stats{
		Connected: r.Err() == nil, QueuedBytes: waiting, Dropped: lost, Malformed: r.link.dropped.n.Load(),
	}
}

// randomID returns 6 random characters, as the peers use them.
func randomID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b [6]byte
	for i := 0; i < len(b); {
		var random [16]byte
		_, _ = rand.Read(random[:])
		for _, c := range random {
			if c &= 63; int(c) < len(alphabet) && i < len(b) {
				b[i] = alphabet[c]
				i++
			}
		}
	}
	return string(b[:])
}
