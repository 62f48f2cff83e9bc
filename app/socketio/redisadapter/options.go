package redisadapter

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"
)

// Options configure New. Only URL is required; zero values select the defaults.
type Options struct {
	// URL is redis://[user:password@]host:port[/db], rediss:// for TLS, or
	// unix:///path. Several hosts, separated by commas, are a Redis Cluster.
	URL string
	// Key is the prefix of all channels. All servers and emitters that work
	// together need the same one. Default "socket.io".
	Key string
	// Mode selects the format, which all servers must share. Default Classic.
	Mode Mode
	// RequestsTimeout bounds the wait for the responses of other servers.
	// Default 5 s.
	RequestsTimeout time.Duration
	// SpecificResponses sends responses to the channel of the requesting server
	// alone, as publishOnSpecificResponseChannel does on a Node server.
	SpecificResponses bool
	// RedactHandshakes removes credentials from the handshakes that other servers
	// receive with FetchSockets: the auth payload, and the headers Authorization,
	// Proxy-Authorization, Cookie and X-API-Key. They would pass through Redis in
	// clear text.
	RedactHandshakes bool
	// QueueBytes bounds the publications that wait while Redis is slow or
	// disconnected. When the queue is full, the oldest one is dropped. Default
	// 16 MiB.
	QueueBytes int
	// QueueAge is how long a publication may wait for a connection before it is
	// dropped. Default 5 s.
	QueueAge time.Duration
	// MaxMessage bounds the bytes of a message from another server. A larger one
	// is dropped. Default 32 MiB.
	MaxMessage int
	// OnState is called with the reason when the connection is lost, and with nil
	// when it is established and all channels are subscribed. Calls do not overlap.
	// It must not block. May be nil.
	OnState func(err error)
	// Log receives changes of the connection, and a summary of dropped messages at
	// most every ten seconds. Nil discards them.
	Log *slog.Logger
}

// Mode is the adapter of the Node package that is spoken, and, for the sharded
// one, its option subscriptionMode. Sharded pub/sub needs Redis 7.
type Mode int

const (
	// Classic is createAdapter; the emitter works with it only.
	Classic Mode = iota
	// ShardedDynamic is createShardedAdapter with one channel for each room, save
	// sockets' own rooms.
	ShardedDynamic
	// ShardedStatic uses one channel for each namespace.
	ShardedStatic
	// ShardedDynamicPrivate also uses a channel for each socket.
	ShardedDynamicPrivate
)

// ModeNames lists the texts that Mode.Set accepts.
const ModeNames = "classic, sharded, sharded-static or sharded-private"

var modeNames = map[string]Mode{
	"classic": Classic, "sharded": ShardedDynamic, "sharded-static": ShardedStatic, "sharded-private": ShardedDynamicPrivate,
}

// Set sets the mode by its name.
func (m *Mode) Set(name string) error {
	mode, ok := modeNames[name]
	if !ok {
		return fmt.Errorf("%q is not one of %s", name, ModeNames)
	}
	*m = mode
	return nil
}

// String returns the name of the mode.
func (m *Mode) String() string {
	for name, mode := range modeNames {
		if mode == *m {
			return name
		}
	}
	return "unknown"
}

// withDefaults validates the options and fills in the defaults. The options of
// the connection are left to redislink.
func (o Options) withDefaults() (Options, error) {
	o.Key = cmp.Or(o.Key, "socket.io")
	o.RequestsTimeout = cmp.Or(o.RequestsTimeout, 5*time.Second)
	o.QueueBytes = cmp.Or(o.QueueBytes, 16<<20)
	o.QueueAge = cmp.Or(o.QueueAge, 5*time.Second)
	o.MaxMessage = cmp.Or(o.MaxMessage, 32<<20)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.OnState == nil {
		o.OnState = func(error) {}
	}
	if o.RequestsTimeout < 0 || o.MaxMessage < 0 {
		return o, fmt.Errorf("redis adapter: negative limit: requests timeout %v, message of %d bytes", o.RequestsTimeout, o.MaxMessage)
	}
	if o.Mode < Classic || o.Mode > ShardedDynamicPrivate {
		return o, fmt.Errorf("redis adapter: unknown mode %d", o.Mode)
	}
	return o, nil
}
