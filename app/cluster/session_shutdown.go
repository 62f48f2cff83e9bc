package cluster

import (
	"math/rand/v2"
	"sync"
	"time"
)

// becomeSession marks the connection as one that has left HTTP. onShutdown
// asks its peer to disconnect.
func (c *conn) becomeSession(onShutdown func()) {
	c.extend.Store(0)
	c.write.set(time.Time{})
	c.busy.Store(0)
	c.onShutdown.Store(&onShutdown)
	if c.worker.sup.sessionsNotified.Load() {
		onShutdown() // notifySessions may have missed it
	}
}

// notifySessions calls onShutdown of every session. The calls are spread over
// a time, with jitter, so that the clients don't reconnect all at once. It
// returns how many it made, early if timeout is closed.
func (s *Supervisor) notifySessions(spread time.Duration, timeout <-chan struct{}) int {
	var sessions []*conn
	s.sessionsNotified.Store(true)
	s.sessions.each(func(c *conn) {
		if c.onShutdown.Load() != nil {
			sessions = append(sessions, c)
		}
	})
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	begin := time.Now()
	var calls sync.WaitGroup
	defer calls.Wait() // each takes a second at most
	for i, c := range sessions {
		turn := spread * time.Duration(i) / time.Duration(len(sessions))
		turn += time.Duration(rand.Int64N(int64(spread)/int64(len(sessions)) + 1))
		select {
		case <-time.After(time.Until(begin.Add(turn))):
		case <-timeout:
			return i
		}
		calls.Go(func() { // blocks while the peer does not read
			c.worker.guard(placeWebSocket, *c.onShutdown.Load(), nil)
		})
	}
	return len(sessions)
}
