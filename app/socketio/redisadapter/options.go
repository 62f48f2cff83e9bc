package redisadapter

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/rueidis"
)

// Options say how to reach the other servers. Only URL is needed.
type Options struct {
	// URL is redis://[user:password@]host:port[/db], or rediss:// for TLS, or
	// unix://; what rueidis.ParseURL takes.
	URL string
	// Key is the prefix of all channels; every server and emitter that is to
	// work with this one needs the same. Default "socket.io".
	Key string
	// RequestsTimeout bounds how long the other servers' answers are waited
	// for. Default 5 s.
	RequestsTimeout time.Duration
	// SpecificResponses answers requests on a channel that only the asking
	// server hears, as publishOnSpecificResponseChannel does with a Node server.
	SpecificResponses bool
	// HideSecrets keeps what clients prove themselves with out of what other
	// servers are told of this server's sockets: what they sent to connect, and
	// the headers Authorization, Cookie and X-API-Key. It would stand in clear
	// text on Redis.
	RedactHandshakes bool
	// QueueBytes bounds what waits to be published while Redis is slow or
	// away; beyond, the oldest is lost. Default 16 MiB.
	QueueBytes int
	// QueueAge is how long a publication may wait for Redis to come back; what
	// is older is lost. Default 5 s.
	QueueAge time.Duration
	// MaxMessage bounds the bytes of a message from another server; a larger
	// one is dropped. Default 32 MiB.
	MaxMessage int
	// OnState is told when Redis is lost, with the reason, and when all
	// subscriptions stand again, with nil. It is never called concurrently and
	// must not block. May be nil.
	OnState func(err error)
	// Log gets what an operator should know: Redis lost and found, and messages
	// that were dropped, once in a while with their count. Nil: nothing.
	Log *slog.Logger
}

// withDefaults checks the options, and returns them with the defaults filled in.
func (o Options) withDefaults() (Options, rueidis.ClientOption, error) {
	setDefault(&o.Key, "socket.io")
	setDefault(&o.RequestsTimeout, 5*time.Second)
	setDefault(&o.QueueBytes, 16<<20)
	setDefault(&o.QueueAge, 5*time.Second)
	setDefault(&o.MaxMessage, 32<<20)
	if o.OnState == nil {
		o.OnState = func(error) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.URL == "" {
		return o, rueidis.ClientOption{}, errors.New("redis adapter: no URL")
	}
	client, err := rueidis.ParseURL(o.URL)
	if err != nil {
		// The error is not wrapped: it may quote the URL with its password.
		return o, client, errors.New("redis adapter: the URL is not understood")
	}
	if o.RequestsTimeout < 0 || o.QueueBytes < 0 || o.QueueAge < 0 || o.MaxMessage < 0 {
		return o, client, fmt.Errorf("redis adapter: a negative limit in %+v", o.limits())
	}
	return o, client, nil
}

func (o Options) limits() any {
	return struct {
		RequestsTimeout, QueueAge time.Duration
		QueueBytes, MaxMessage    int
	}{o.RequestsTimeout, o.QueueAge, o.QueueBytes, o.MaxMessage}
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
