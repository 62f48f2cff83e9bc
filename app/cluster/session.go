package cluster

import (
	"math/rand/v2"
	"time"
)

// session marks the connection as one that has left HTTP behind, with what
// tells its peer to go at shutdown.
func (c *conn) session(leave func()) {
	c.extend.Store(0)
	c.write.set(time.Time{})
	c.busy.Store(0)
	c.leave.Store(&leave)
	if c.worker.sup.leaving.Load() {
		leave() // too late for its turn in the spread
	}
}

// sendAway tells every session to leave, spread over a time with jitter so
// that the clients do not come back all at once. It returns early when giveUp
// is closed, and how many it told.
func (s *Supervisor) sendAway(spread time.Duration, giveUp <-chan struct{}) int {
	var leavers []func()
	s.leaving.Store(true)
	s.sessions.each(func(c *conn) {
		if leave := c.leave.Load(); leave != nil {
			leavers = append(leavers, *leave)
		}
	})
	rand.Shuffle(len(leavers), func(i, j int) { leavers[i], leavers[j] = leavers[j], leavers[i] })
	begin := time.Now()
	for i, leave := range leavers {
		turn := spread * time.Duration(i) / time.Duration(len(leavers))
		turn += time.Duration(rand.Int64N(int64(spread)/int64(len(leavers)) + 1))
		select {
		case <-time.After(time.Until(begin.Add(turn))):
		case <-giveUp:
			return i
		}
		leave()
	}
	return len(leavers)
}
