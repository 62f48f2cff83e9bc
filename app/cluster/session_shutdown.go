package cluster

import (
	"math/rand/v2"
	"sync"
	"time"
)

// session marks the connection as one that has left HTTP behind, with what
// tells its peer to go at shutdown.
func (c *conn) becomeSession(leave func()) {
	c.extend.Store(0)
	c.write.set(time.Time{})
	c.busy.Store(0)
	c.onShutdown.Store(&leave)
	if c.worker.sup.sessionsNotified.Load() {
		leave() // too late for its turn in the spread
	}
}

// sendAway tells every session to leave, spread over a time with jitter so
// that the clients do not come back all at once. It returns early when giveUp
// is closed, and how many it told.
func (s *Supervisor) notifySessions(spread time.Duration, giveUp <-chan struct{}) int {
	var leavers []*conn
	s.sessionsNotified.Store(true)
	s.sessions.each(func(c *conn) {
		if c.onShutdown.Load() != nil {
			leavers = append(leavers, c)
		}
	})
	rand.Shuffle(len(leavers), func(i, j int) { leavers[i], leavers[j] = leavers[j], leavers[i] })
	begin := time.Now()
	var told sync.WaitGroup
	defer told.Wait() // each takes a second at most
	for i, c := range leavers {
		turn := spread * time.Duration(i) / time.Duration(len(leavers))
		turn += time.Duration(rand.Int64N(int64(spread)/int64(len(leavers)) + 1))
		select {
		case <-time.After(time.Until(begin.Add(turn))):
		case <-giveUp:
			return i
		}
		told.Go(c.notifyShutdown) // where the peer does not read, it waits
	}
	return len(leavers)
}

// sendAway tells the peer of a session to leave.
func (c *conn) notifyShutdown() {
	returned := false
	defer c.worker.guard(placeWebSocket, &returned, nil)
	(*c.onShutdown.Load())()
	returned = true
}
