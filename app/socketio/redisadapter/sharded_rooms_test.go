package redisadapter

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/socketio"
)

func newShardedForTest(t *testing.T, recovery *socketio.Recovery) *sharded {
	t.Helper()
	c, err := New(Options{URL: "redis://127.0.0.1:1", Mode: ShardedDynamic})
	if err != nil {
		t.Fatal(err)
	}
	io, err := socketio.NewServer(socketio.Options{Recovery: recovery})
	if err != nil {
		t.Fatal(err)
	}
	return newAdapter(socketio.NewMemoryAdapter(io.Of("/")), c).format.(*sharded)
}

func (s *sharded) subscribed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

// A client that is disconnected may recover what is sent to its rooms meanwhile.
func TestShardedRoomStaysSubscribedWhileItsEventsCanBeRecovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShardedForTest(t, &socketio.Recovery{MaxDisconnectionDuration: time.Minute})
		s.subscribeRoom("r")
		s.unsubscribeRoom("r")
		if s.subscribed() != 1 {
			t.Error("the room is unsubscribed at once")
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if s.subscribed() != 0 {
			t.Error("the room is still subscribed")
		}
		for i := range maxRetainedRooms + 10 {
			s.subscribeRoom(fmt.Sprint(i))
			s.unsubscribeRoom(fmt.Sprint(i))
		}
		if s.subscribed() != maxRetainedRooms {
			t.Errorf("%d rooms are retained, want %d", s.subscribed(), maxRetainedRooms)
		}
	})
}

func TestShardedRoomChannels(t *testing.T) {
	t.Parallel()
	s := newShardedForTest(t, nil)
	for _, room := range []string{"r", "r #1*?", s.a.uid, "abcdefghijklmnopqrst", "é of 19 characters!!", "🏭 has twenty units!!"} {
		s.subscribeRoom(room)
	}
	if s.subscribed() != 3 {
		t.Errorf("%d rooms have channels, want 3: no socket's own room, no response channel", s.subscribed())
	}
	s.unsubscribeRoom("r")
	if s.rooms["r"] != nil {
		t.Error("without recovery an empty room is unsubscribed at once")
	}
}
