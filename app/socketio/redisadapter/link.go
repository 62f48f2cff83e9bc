package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// At most this much is published in one go.
	batchCount = 256
	batchBytes = 1 << 20
	// commandTimeout is how long a command may take before Redis counts as lost.
	commandTimeout = 3 * time.Second
	// The pauses between attempts to reach Redis grow from one to the other.
	firstPause = 50 * time.Millisecond
	lastPause  = 3 * time.Second
	// flushTime is what is given to the last publications at the end.
	flushTime = time.Second
)

// errAway says that there is no connection to Redis at this moment.
var errAway = errors.New("redis is away")

// receiver gets the messages of a channel or pattern, one at a time. The
// message must not be kept.
type receiver func(channel, message string)

// subscription is who gets them, and on whose behalf.
type subscription struct {
	owner *Adapter
	f     receiver
}

// link is the process's connection to Redis: one connection for all
// subscriptions, so that the process counts once on each channel, and one for
// all commands, so that publications keep their order.
type link struct {
	options Options
	client  rueidis.ClientOption
	queue   *queue
	changed chan struct{} // has room for one: the wanted subscriptions changed
	live    atomic.Pointer[session]
	dropped counter

	mu       sync.Mutex
	channels map[string]subscription
	patterns map[string]subscription
	err      error // nil while connected
	started  bool
	closed   bool
}

func newLink(o Options) (*link, error) {
	o, client, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	client.ForceSingleClient = client.Sentinel.MasterSet == ""
	client.DisableRetry = true
	client.DisableCache = true
	client.PipelineMultiplex = -1 // one connection
	client.RingScaleEachConn = 9
	client.ReadBufferEachConn = 64 << 10
	client.WriteBufferEachConn = 64 << 10
	if client.Dialer.KeepAlive == 0 {
		client.Dialer.KeepAlive = commandTimeout // an idle connection is asked for a sign of life this often
	}
	if client.ConnWriteTimeout == 0 {
		client.ConnWriteTimeout = commandTimeout
	}
	if client.ClientName == "" {
		client.ClientName = "socketio-adapter"
	}
	return &link{
		options: o, client: client, queue: newQueue(o.QueueBytes, o.QueueAge), changed: make(chan struct{}, 1),
		channels: map[string]subscription{}, patterns: map[string]subscription{}, err: errAway,
	}, nil
}

// run keeps the connection up until ctx ends, then publishes what still waits
// and gives all subscriptions up.
func (l *link) run(ctx context.Context) error {
	l.mu.Lock()
	started := l.started
	l.started = true
	l.mu.Unlock()
	if started {
		return ErrRunning
	}
	defer l.close()
	pause := firstPause
	for {
		began := time.Now()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		l.setState(err)
		if time.Since(began) > 2*lastPause {
			pause = firstPause // it was a good connection
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, lastPause)
	}
}

func (l *link) close() {
	l.queue.close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.setState(errAway)
}

// setState notes and reports that Redis is lost because of err, or found (nil).
func (l *link) setState(err error) {
	l.mu.Lock()
	was := l.err
	l.err = err
	closed := l.closed
	l.mu.Unlock()
	if (was == nil) == (err == nil) || closed {
		return
	}
	if err == nil {
		l.options.Log.Info("redis connected")
	} else {
		l.options.Log.Warn("redis lost", slog.Any("error", err))
	}
	l.options.OnState(err)
}

// state returns nil while connected, the reason otherwise.
func (l *link) state() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// publish sends a message to all who have subscribed to channel. It does not
// block, and nothing says whether the message got there.
func (l *link) publish(channel string, message []byte) {
	l.queue.put(publication{channel: channel, message: string(message), at: time.Now()})
}

// numSub returns how many processes have subscribed to channel.
func (l *link) numSub(ctx context.Context, channel string) (int, error) {
	s := l.live.Load()
	if s == nil {
		return 0, errAway
	}
	reply, err := s.client.Do(ctx, s.client.B().PubsubNumsub().Channel(channel).Build()).ToArray()
	if err != nil {
		return 0, fmt.Errorf("pubsub numsub: %w", err)
	}
	if len(reply) != 2 {
		return 0, fmt.Errorf("pubsub numsub: %d elements in the reply", len(reply))
	}
	n, err := reply[1].AsInt64()
	return int(n), err
}

// subscribe has f called with what is published on the channels and on those
// that match the pattern. It does not wait for Redis.
func (l *link) subscribe(owner *Adapter, pattern string, onPattern receiver, channels []string, onChannel receiver) {
	l.mu.Lock()
	l.patterns[pattern] = subscription{owner, onPattern}
	for _, c := range channels {
		l.channels[c] = subscription{owner, onChannel}
	}
	l.mu.Unlock()
	l.wake()
}

// unsubscribe takes it back, but for what has become another adapter's: that of
// a namespace of the same name. A message that is being delivered may still
// arrive.
func (l *link) unsubscribe(owner *Adapter, pattern string, channels []string) {
	l.mu.Lock()
	if l.patterns[pattern].owner == owner {
		delete(l.patterns, pattern)
	}
	for _, c := range channels {
		if l.channels[c].owner == owner {
			delete(l.channels, c)
		}
	}
	l.mu.Unlock()
	l.wake()
}

func (l *link) wake() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// receive hands a message to whom it is for. Whatever happens there, the
// connection goes on.
func (l *link) receive(m rueidis.PubSubMessage) {
	l.mu.Lock()
	f := l.channels[m.Channel].f
	if m.Pattern != "" {
		f = l.patterns[m.Pattern].f
	}
	l.mu.Unlock()
	if f == nil {
		return
	}
	if len(m.Message) > l.options.MaxMessage {
		l.drop(m.Channel, fmt.Errorf("%w: %d bytes", errMalformed, len(m.Message)))
		return
	}
	returned := false
	defer func() {
		if !returned {
			v := recover()
			l.dropped.add()
			l.options.Log.Error("panic at a message from redis", slog.String("channel", m.Channel),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	f(m.Channel, m.Message)
	returned = true
}

// drop counts a message that was not to be understood.
func (l *link) drop(channel string, err error) {
	if n, report := l.dropped.add(); report {
		l.options.Log.Warn("messages from redis dropped", slog.String("channel", channel),
			slog.Any("error", err), slog.Uint64("total", n))
	}
}

// counter counts, and says now and then that it is time to report.
type counter struct {
	n    atomic.Uint64
	last atomic.Int64
}

func (c *counter) add() (n uint64, report bool) {
	const interval = 10 * time.Second
	now, last := time.Now().UnixNano(), c.last.Load()
	report = (last == 0 || now-last > int64(interval)) && c.last.CompareAndSwap(last, now)
	return c.n.Add(1), report
}
