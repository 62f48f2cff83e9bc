package redisbroker

import (
	"context"
	"fmt"
	"strings"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/socketio/redislink"
)

// announce tells the other brokers which rooms this one has subscribed to. Redis
// has confirmed the channels, so whoever receives the announcement can publish.
func (b *Broker) announce(channels []string) {
	for _, channel := range channels {
		if room, ok := strings.CutPrefix(channel, b.roomPrefix()); ok {
			b.link.Publish(b.interestChannel(), []byte(b.id+room))
		}
	}
}

// onAnnouncement records that another broker has subscribed to a room.
func (b *Broker) onAnnouncement(_, text string) {
	if len(text) < idLength || text[:idLength] == b.id {
		return
	}
	room := text[idLength:]
	b.mu.Lock()
	b.interest[room] = b.polls
	b.mu.Unlock()
	b.notify(func(l hub.Listener) { l.OnInterest(room, true) })
}

// pollInterest asks Redis which rooms other brokers have subscribed to. The first
// poll of a connection reports all of them, a later one the differences.
func (b *Broker) pollInterest(ctx context.Context, c *redislink.Connection, first bool) error {
	b.mu.Lock()
	b.polls++
	poll := b.polls
	b.mu.Unlock()
	rooms, err := b.subscribedElsewhere(ctx, c)
	if err != nil {
		return fmt.Errorf("poll subscriptions: %w", err)
	}
	for room, interested := range b.updateInterest(rooms, poll, first, c.Owns) {
		b.notify(func(l hub.Listener) { l.OnInterest(room, interested) })
	}
	return nil
}

// subscribedElsewhere returns the rooms that any other broker has subscribed to.
func (b *Broker) subscribedElsewhere(ctx context.Context, c *redislink.Connection) (map[string]bool, error) {
	channels, err := c.Channels(ctx, redislink.EscapePattern(b.roomPrefix())+"*")
	if err != nil {
		return nil, err
	}
	rooms := map[string]bool{}
	var own []string // channels that this broker is a subscriber of, too
	for _, channel := range channels {
		if c.IsSubscribed(channel) {
			own = append(own, channel)
		} else {
			rooms[strings.TrimPrefix(channel, b.roomPrefix())] = true
		}
	}
	subscribers, err := c.Subscribers(ctx, own...)
	if err != nil {
		return nil, err
	}
	for channel, n := range subscribers {
		if n > 1 {
			rooms[strings.TrimPrefix(channel, b.roomPrefix())] = true
		}
	}
	return rooms, nil
}

// updateInterest replaces the interest by the result of a poll and returns what
// to report to the listener. An announcement that arrived since the poll began
// remains valid. owns selects the channels that the poll was about.
func (b *Broker) updateInterest(rooms map[string]bool, poll int, all bool, owns func(channel string) bool) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	report := map[string]bool{}
	for room := range rooms {
		if _, known := b.interest[room]; !known || all {
			report[room] = true
		}
		b.interest[room] = poll
	}
	for room, found := range b.interest {
		if found < poll && owns(b.roomChannel(room)) {
			delete(b.interest, room)
			report[room] = false
		}
	}
	return report
}
