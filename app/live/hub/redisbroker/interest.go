package redisbroker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"smart-factory-backend/app/live/hub"
)

// The names of the channels.
func (b *Broker) wishes() string             { return b.options.Prefix + ":wishes" }
func (b *Broker) roomPrefix() string         { return b.options.Prefix + ":room:" }
func (b *Broker) channel(room string) string { return b.roomPrefix() + room }
func (b *Broker) channels(of []string) (c []string) {
	for _, room := range of {
		c = append(c, b.channel(room))
	}
	return c
}

// selfBytes is the length of a broker's name before an announced room.
const selfBytes = 16

func newSelf() string {
	var id [selfBytes / 2]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// heardWish notes that some process has subscribed a room.
func (b *Broker) heardWish(l hub.Listener, text string) {
	if len(text) < selfBytes || text[:selfBytes] == b.self {
		return
	}
	room := text[selfBytes:]
	b.mu.Lock()
	b.wanted[room] = b.round
	b.mu.Unlock()
	b.tell(func() { l.OnInterest(room, true) })
}

// ask asks Redis which rooms others have subscribed. The first time in a
// session all of them are told; later what has changed.
func (s *session) ask(ctx context.Context, first bool) error {
	b := s.b
	b.mu.Lock()
	b.round++
	round := b.round
	b.mu.Unlock()
	wait, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	rooms, err := s.subscribed(wait)
	if err != nil {
		return fmt.Errorf("ask for subscriptions: %w", err)
	}
	for room, yes := range b.compare(rooms, round, first) {
		b.tell(func() { s.l.OnInterest(room, yes) })
	}
	return nil
}

// subscribed lists the rooms that anybody else has subscribed.
func (s *session) subscribed(ctx context.Context) (map[string]bool, error) {
	b, client := s.b, s.commands
	all, err := client.Do(ctx, client.B().PubsubChannels().Pattern(escape(b.roomPrefix())+"*").Build()).AsStrSlice()
	if err != nil {
		return nil, err
	}
	rooms := map[string]bool{}
	var shared []string // ours, too: perhaps nobody else's
	for _, channel := range all {
		room := strings.TrimPrefix(channel, b.roomPrefix())
		if s.active[room] {
			shared = append(shared, channel)
		} else {
			rooms[room] = true
		}
	}
	for chunk := range slices.Chunk(shared, mostChannels) {
		counts, err := client.Do(ctx, client.B().PubsubNumsub().Channel(chunk...).Build()).AsIntMap()
		if err != nil {
			return nil, err
		}
		for channel, n := range counts {
			if n > 1 {
				rooms[strings.TrimPrefix(channel, b.roomPrefix())] = true
			}
		}
	}
	return rooms, nil
}

// compare brings wanted up to date with an answer and returns what to tell. A
// wish that was announced after the question was asked stands.
func (b *Broker) compare(rooms map[string]bool, round int, all bool) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	tell := map[string]bool{}
	for room := range rooms {
		if _, known := b.wanted[room]; !known || all {
			tell[room] = true
		}
		b.wanted[room] = round
	}
	for room, heard := range b.wanted {
		if heard < round {
			delete(b.wanted, room)
			tell[room] = false
		}
	}
	return tell
}

// escape takes the meaning from the characters that a pattern of Redis gives
// one.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}
