package redisadapter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// session is one connection to Redis, from the first command to its loss.
type session struct {
	link   *link
	client rueidis.Client
	pubsub rueidis.DedicatedClient
	// what this connection has subscribed to
	channels, patterns map[string]subscription
}

// connect connects and works until ctx ends, which is no error, or the
// connection is lost.
func (l *link) connect(ctx context.Context) error {
	client, err := rueidis.NewClient(l.client)
	if err != nil {
		return fmt.Errorf("connect to redis: %w", err)
	}
	defer client.Close()
	pubsub, release := client.Dedicate()
	defer release() // may take a while if Redis stands still
	s := &session{
		link: l, client: client, pubsub: pubsub,
		channels: map[string]subscription{}, patterns: map[string]subscription{},
	}
	if err = s.run(ctx); err != nil {
		l.setState(err)
	}
	return err
}

func (s *session) run(ctx context.Context) error {
	lost := s.pubsub.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.link.receive})
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	s.link.live.Store(s)
	defer s.link.live.Store(nil)
	s.link.setState(nil)

	var wg sync.WaitGroup
	defer wg.Wait() // not long: publications have their timeout
	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	wg.Go(func() { stop(s.publish(work)) })

	for {
		select {
		case <-work.Done():
			if ctx.Err() == nil {
				return context.Cause(work)
			}
			wg.Wait()
			s.leave(context.WithoutCancel(ctx))
			return nil
		case err := <-lost:
			if err == nil {
				err = errors.New("subscriptions ended")
			}
			return fmt.Errorf("redis connection: %w", err)
		case <-s.link.changed:
			if err := s.subscribe(work); err != nil {
				return err
			}
		}
	}
}

// subscribe makes the connection's subscriptions those that are wanted.
func (s *session) subscribe(ctx context.Context) error {
	s.link.mu.Lock()
	channels, patterns := maps.Clone(s.link.channels), maps.Clone(s.link.patterns)
	s.link.mu.Unlock()
	b := s.pubsub.B()
	var commands []rueidis.Completed
	// The request channels come last: once the others count this server it
	// must be able to answer.
	if names := missing(patterns, s.patterns); names != nil {
		commands = append(commands, b.Psubscribe().Pattern(names...).Build())
	}
	if names := missing(channels, s.channels); names != nil {
		commands = append(commands, b.Subscribe().Channel(names...).Build())
	}
	if names := missing(s.channels, channels); names != nil {
		commands = append(commands, b.Unsubscribe().Channel(names...).Build())
	}
	if names := missing(s.patterns, patterns); names != nil {
		commands = append(commands, b.Punsubscribe().Pattern(names...).Build())
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for _, c := range commands {
		if err := s.pubsub.Do(ctx, c).Error(); err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
	}
	s.channels, s.patterns = channels, patterns
	return nil
}

// missing returns the names that are in a and not in b.
func missing(a, b map[string]subscription) (names []string) {
	for name := range a {
		if _, ok := b[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// publish publishes what is queued until the connection is lost.
func (s *session) publish(ctx context.Context) error {
	for {
		if err := s.flush(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.link.queue.wake:
		}
	}
}

// flush publishes until the queue is empty. What fails half way is lost: it
// may have arrived, and must not arrive twice.
func (s *session) flush(ctx context.Context) error {
	for {
		batch := s.link.queue.take(batchCount, batchBytes, time.Now())
		if len(batch) == 0 {
			return nil
		}
		commands := make(rueidis.Commands, len(batch))
		for i, p := range batch {
			commands[i] = s.client.B().Publish().Channel(p.channel).Message(p.message).Build()
		}
		if err := s.publishAll(ctx, commands); err != nil {
			s.link.queue.lose(len(batch))
			return err
		}
	}
}

func (s *session) publishAll(ctx context.Context, commands rueidis.Commands) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandTimeout) // not cut short
	defer cancel()
	for _, reply := range s.client.DoMulti(ctx, commands...) {
		if err := reply.Error(); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return nil
}

// leave publishes what still waits and gives the subscriptions up, so that the
// other servers stop counting this one at once.
func (s *session) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	_ = s.flush(ctx) // the queue counts what is lost
	for _, c := range []rueidis.Completed{s.pubsub.B().Unsubscribe().Build(), s.pubsub.B().Punsubscribe().Build()} {
		_ = s.pubsub.Do(ctx, c).Error() // closing the connection does the same
	}
}
