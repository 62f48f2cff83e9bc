package redislink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// batchCount and batchBytes bound the publications of one pipeline.
	batchCount = 256
	batchBytes = 1 << 20
	// maxChannels is how many channels one command names.
	maxChannels = 500
	// flushTimeout bounds the last publications at the end of Run.
	flushTimeout = time.Second
)

// Connection is one connection to Redis, from its first command to its loss.
type Connection struct {
	link     *Link
	commands rueidis.Client
	messages rueidis.DedicatedClient
	lost     <-chan error // receives why messages was closed; then it is closed
	failed   chan error   // capacity 1: a fault that must close the connection
	active   map[target]bool
}

// connect establishes a connection and serves it until ctx ends or the connection
// is lost. It reports the state.
func (l *Link) connect(ctx context.Context) {
	client, err := rueidis.NewClient(l.client)
	if err != nil {
		l.disconnected(ctx, fmt.Errorf("connect to redis: %w", err))
		return
	}
	defer client.Close()
	messages, release := client.Dedicate()
	c := &Connection{link: l, commands: client, messages: messages, failed: make(chan error, 1), active: map[target]bool{}}
	c.lost = messages.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: c.receive})
	defer func() { // may take a while if Redis does not respond
		messages.Close()
		release()
		for range c.lost { // closed after the last call of receive
		}
	}()
	l.disconnected(ctx, c.serve(ctx))
}

func (c *Connection) serve(ctx context.Context) error {
	o := &c.link.options
	c.link.markChanged()
	channels, err := c.updateSubscriptions(ctx)
	if err != nil {
		return err
	}
	c.link.connections.Add(1)
	c.link.current.Store(c)
	defer c.link.current.Store(nil)
	c.link.setErr(nil)
	c.link.reportState(nil)
	c.subscribed(channels)
	if err := c.poll(ctx, true); err != nil {
		return err
	}

	var wg sync.WaitGroup
	defer wg.Wait() // at most Timeout: a batch is not interrupted
	work, stop := context.WithCancel(ctx)
	defer stop()
	wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				c.fail(panicError(v))
			}
		}()
		if err := c.publishQueued(work); err != nil {
			c.fail(err)
		}
	})
	var ticks <-chan time.Time
	if o.Poll != nil {
		ticker := time.NewTicker(o.PollInterval)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			wg.Wait()
			c.leave(context.WithoutCancel(ctx))
			return nil
		case err := <-c.lost:
			if err == nil {
				err = ErrDisconnected
			}
			return fmt.Errorf("connection to redis: %w", err)
		case err = <-c.failed:
		case <-c.link.wake:
			if channels, err = c.updateSubscriptions(ctx); err == nil {
				c.subscribed(channels)
			}
		case <-ticks:
			err = c.poll(ctx, false)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// fail closes the connection because of err, unless another fault came first.
func (c *Connection) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// receive is called by rueidis, from one goroutine.
func (c *Connection) receive(m rueidis.PubSubMessage) {
	if err := c.link.deliver(m); err != nil {
		c.fail(err)
	}
}

func (c *Connection) subscribed(channels []string) {
	if c.link.options.OnSubscribed != nil && len(channels) > 0 {
		c.link.options.OnSubscribed(channels)
	}
}

func (c *Connection) poll(ctx context.Context, first bool) error {
	if c.link.options.Poll == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.link.options.Timeout)
	defer cancel()
	return c.link.options.Poll(ctx, c, first)
}

// updateSubscriptions makes Redis follow the changed subscriptions, patterns
// before channels, and returns the channels that it has confirmed.
func (c *Connection) updateSubscriptions(ctx context.Context) ([]string, error) {
	var on, off [2][]string // channels, patterns
	l := c.link
	l.mu.Lock()
	for t := range l.changed {
		kind := 0
		if t.pattern {
			kind = 1
		}
		switch wanted := l.subscriptions[t] != nil; {
		case wanted && !c.active[t]:
			on[kind] = append(on[kind], t.name)
			c.active[t] = true
		case !wanted && c.active[t]:
			off[kind] = append(off[kind], t.name)
			delete(c.active, t)
		}
	}
	clear(l.changed)
	l.mu.Unlock()
	b := c.messages.B()
	for _, update := range []struct {
		names   []string
		command func(names []string) rueidis.Completed
	}{
		{on[1], func(names []string) rueidis.Completed { return b.Psubscribe().Pattern(names...).Build() }},
		{on[0], func(names []string) rueidis.Completed {
			if l.options.Sharded {
				return b.Ssubscribe().Channel(names...).Build()
			}
			return b.Subscribe().Channel(names...).Build()
		}},
		{off[0], func(names []string) rueidis.Completed {
			if l.options.Sharded {
				return b.Sunsubscribe().Channel(names...).Build()
			}
			return b.Unsubscribe().Channel(names...).Build()
		}},
		{off[1], func(names []string) rueidis.Completed { return b.Punsubscribe().Pattern(names...).Build() }},
	} {
		if err := c.doChunks(ctx, update.names, update.command); err != nil {
			return nil, fmt.Errorf("update subscriptions: %w", err)
		}
	}
	return on[0], nil
}

// doChunks sends a command for every maxChannels names. Redis executes a command
// as a whole, so the first confirmation, which Do waits for, confirms all names.
func (c *Connection) doChunks(ctx context.Context, names []string, command func([]string) rueidis.Completed) error {
	size := maxChannels
	if c.link.owns != nil && c.link.options.Sharded {
		size = 1 // the channels of one command must be in one slot
	}
	for chunk := range slices.Chunk(names, size) {
		wait, cancel := context.WithTimeout(ctx, c.link.options.Timeout)
		err := c.messages.Do(wait, command(chunk)).Error()
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// publishQueued publishes until ctx ends or Redis fails.
func (c *Connection) publishQueued(ctx context.Context) error {
	for {
		if err := c.flush(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.link.queue.wake:
		}
	}
}

// flush publishes until the queue is empty. A batch that fails is dropped: part
// of it may have arrived, and must not arrive twice.
func (c *Connection) flush(ctx context.Context) error {
	for {
		batch := c.link.queue.take(batchCount, batchBytes, time.Now())
		if len(batch) == 0 {
			return nil
		}
		commands := make(rueidis.Commands, len(batch))
		for i, p := range batch {
			if c.link.options.Sharded {
				commands[i] = c.commands.B().Spublish().Channel(p.channel).Message(p.message).Build()
			} else {
				commands[i] = c.commands.B().Publish().Channel(p.channel).Message(p.message).Build()
			}
		}
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.link.options.Timeout) // a batch is not interrupted
		replies := c.commands.DoMulti(wait, commands...)
		cancel()
		for _, reply := range replies {
			if err := reply.Error(); err != nil {
				c.link.queue.addDropped(len(batch))
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
}

// leave publishes what is queued and unsubscribes, so that other processes stop
// counting this one at once.
func (c *Connection) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = c.flush(ctx) // the queue counts what is dropped
	b := c.messages.B()
	commands := []rueidis.Completed{b.Unsubscribe().Build(), b.Punsubscribe().Build()}
	if c.link.options.Sharded {
		commands = []rueidis.Completed{b.Sunsubscribe().Build()}
	}
	for _, command := range commands {
		_ = c.messages.Do(ctx, command).Error() // closing the connection has the same effect
	}
}

// IsSubscribed reports whether Redis has this connection subscribed to a channel.
// Only Options.Poll and Options.OnSubscribed may call it.
func (c *Connection) IsSubscribed(channel string) bool { return c.active[target{name: channel}] }

// Owns reports whether this connection is to the node that serves the channel.
func (c *Connection) Owns(channel string) bool { return c.link.owns == nil || c.link.owns(channel) }

// Channels returns the subscribed channels that match a glob pattern, over all
// processes.
func (c *Connection) Channels(ctx context.Context, pattern string) ([]string, error) {
	command := c.commands.B().PubsubChannels().Pattern(pattern).Build()
	if c.link.options.Sharded {
		command = c.commands.B().PubsubShardchannels().Pattern(pattern).Build()
	}
	list, err := c.commands.Do(ctx, command).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("pubsub channels: %w", err)
	}
	return list, nil
}

// Subscribers returns how many connections have subscribed to each channel, over
// all processes.
func (c *Connection) Subscribers(ctx context.Context, channels ...string) (map[string]int64, error) {
	all := make(map[string]int64, len(channels))
	for chunk := range slices.Chunk(channels, maxChannels) {
		command := c.commands.B().PubsubNumsub().Channel(chunk...).Build()
		if c.link.options.Sharded {
			command = c.commands.B().PubsubShardnumsub().Channel(chunk...).Build()
		}
		counts, err := c.commands.Do(ctx, command).AsIntMap()
		if err != nil {
			return nil, fmt.Errorf("pubsub numsub: %w", err)
		}
		maps.Copy(all, counts)
	}
	return all, nil
}

// EscapePattern returns a glob pattern that matches exactly s.
func EscapePattern(s string) string { return patternEscaper.Replace(s) }

var patternEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
