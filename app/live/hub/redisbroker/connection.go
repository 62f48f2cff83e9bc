package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"smart-factory-backend/app/live/hub"

	"github.com/redis/rueidis"
)

// session is one time of being connected. Its goroutine is that of Run; the
// library calls heard and confirmed from one of its own.
type session struct {
	b        *Broker
	l        hub.Listener
	commands rueidis.Client
	messages rueidis.DedicatedClient
	ended    <-chan error
	failed   chan error // has one when the listener panicked

	// active are the rooms that Redis was told to subscribe.
	active map[string]bool
	// awaited counts the confirmations that are missing before it stands;
	// guarded by the broker.
	awaited int
}

// mostChannels is how many channels one command names, and mostCommands how
// many are sent at once.
const (
	mostChannels = 500
	mostCommands = 500
)

var errAway = errors.New("the connection ended")

// connect makes a session and keeps it until ctx ends or something fails. stood
// reports whether it got as far as being in order.
func (b *Broker) connect(ctx context.Context, l hub.Listener) (stood bool, err error) {
	s := &session{b: b, l: l, failed: make(chan error, 1), active: map[string]bool{}}
	if s.commands, err = rueidis.NewClient(b.client); err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer s.commands.Close()
	var release func()
	s.messages, release = s.commands.Dedicate()
	s.ended = s.messages.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: s.heard, OnSubscription: s.confirmed})
	defer func() {
		s.messages.Close()
		release()
		for range s.ended { // closed once no hook runs any more
		}
	}()
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	return true, s.serve(ctx)
}

// begin subscribes everything and waits until Redis has it.
func (s *session) begin(ctx context.Context) error {
	b := s.b
	b.mu.Lock()
	rooms := slices.Collect(maps.Keys(b.rooms))
	clear(b.changed)
	s.awaited = 1 + len(rooms)
	b.mu.Unlock()

	if err := s.subscribe(ctx, []string{b.wishes()}); err != nil {
		return err
	}
	for _, room := range rooms {
		s.active[room] = true
	}
	for chunk := range slices.Chunk(rooms, mostChannels) {
		if err := s.subscribe(ctx, b.channels(chunk)); err != nil {
			return err
		}
	}
	deadline := time.NewTimer(b.options.Timeout)
	defer deadline.Stop()
	for !s.stands() {
		select {
		case <-b.wake:
		case <-deadline.C:
			return errors.New("subscribe: no confirmation in time")
		case err := <-s.ended:
			return ended(err)
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
	b.sessions.Add(1)
	b.tell(func() { s.l.OnState(nil) })
	b.nudge() // whatever has come up meanwhile
	return s.ask(ctx, true)
}

// stands reports whether all is confirmed; if so, publishing begins.
func (s *session) stands() bool {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.up = s.awaited <= 0
	return s.b.up
}

func ended(err error) error {
	if err == nil {
		return errAway
	}
	return err
}

func (s *session) serve(ctx context.Context) error {
	poll := time.NewTicker(s.b.options.PollInterval)
	defer poll.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			s.last(ctx)
			return nil
		case err := <-s.ended:
			return ended(err)
		case err = <-s.failed:
		case <-s.b.wake:
			err = s.work(ctx)
		case <-poll.C:
			err = s.ask(ctx, false)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// last publishes what waits when the process ends.
func (s *session) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.b.options.Timeout/5)
	defer cancel()
	_ = s.publish(ctx) // nobody is left to hear of it
}

// work does what has come up: subscriptions, announcements, messages.
func (s *session) work(ctx context.Context) error {
	on, off := s.changes()
	for chunk := range slices.Chunk(on, mostChannels) {
		if err := s.subscribe(ctx, s.b.channels(chunk)); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(off, mostChannels) {
		command := s.messages.B().Unsubscribe().Channel(s.b.channels(chunk)...).Build()
		if err := s.messages.Do(ctx, command).Error(); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
	}
	return s.publish(ctx)
}

// changes takes the rooms whose subscription has to change.
func (s *session) changes() (on, off []string) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for room := range s.b.changed {
		switch {
		case s.b.rooms[room] && !s.active[room]:
			on = append(on, room)
			s.active[room] = true
		case !s.b.rooms[room] && s.active[room]:
			off = append(off, room)
			delete(s.active, room)
		}
	}
	clear(s.b.changed)
	return on, off
}

func (s *session) subscribe(ctx context.Context, channels []string) error {
	wait, cancel := context.WithTimeout(ctx, s.b.options.Timeout)
	defer cancel()
	if err := s.messages.Do(wait, s.messages.B().Subscribe().Channel(channels...).Build()).Error(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	return nil
}

// publish sends what is queued, announcements first.
func (s *session) publish(ctx context.Context) error {
	b := s.b
	b.mu.Lock()
	queue, announce := b.queue, b.announce
	b.queue, b.queued, b.announce = nil, 0, nil
	b.mu.Unlock()
	commands := make(rueidis.Commands, 0, len(queue)+len(announce))
	for _, room := range announce {
		commands = append(commands, s.commands.B().Publish().Channel(b.wishes()).Message(room).Build())
	}
	for _, p := range queue {
		commands = append(commands, s.commands.B().Publish().Channel(p.channel).Message(rueidis.BinaryString(p.message)).Build())
	}
	for chunk := range slices.Chunk(commands, mostCommands) {
		wait, cancel := context.WithTimeout(ctx, b.options.Timeout)
		results := s.commands.DoMulti(wait, chunk...)
		cancel()
		for _, result := range results {
			if err := result.Error(); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
	}
	return nil
}

// heard takes a message off the connection.
func (s *session) heard(m rueidis.PubSubMessage) {
	b := s.b
	err := contained(func() {
		if m.Channel == b.wishes() {
			b.heardWish(s.l, m.Message)
		} else if room, ours := strings.CutPrefix(m.Channel, b.roomPrefix()); ours {
			b.tell(func() { s.l.OnMessage(room, []byte(m.Message)) })
		}
	})
	if err != nil {
		select {
		case s.failed <- err:
		default:
		}
	}
}

// confirmed notes that Redis has subscribed a channel, and has it announced.
func (s *session) confirmed(c rueidis.PubSubSubscription) {
	if c.Kind != "subscribe" {
		return
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.awaited--
	if room, ours := strings.CutPrefix(c.Channel, s.b.roomPrefix()); ours {
		s.b.announce = append(s.b.announce, s.b.self+room)
	}
	s.b.nudge()
}
