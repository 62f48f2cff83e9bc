package engineio

import (
	"context"
	"math/rand/v2"
	"time"

	"smart-factory-backend/app/websocket"
)

// Drain refuses new sessions from now on, and tells those that there are to
// go: each gets what waits for it and the end, by a close packet or by close
// code 1001, and its receiver ServerShutdown. They are told spread over a time,
// with jitter, so that the clients do not come back all at once; when ctx ends,
// the rest is told at once. Drain returns when all have been told.
func (s *Server) Drain(ctx context.Context, spread time.Duration) {
	s.draining.Store(true)
	all := s.table.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, session := range all {
		slice := spread / time.Duration(len(all))
		turn := slice*time.Duration(i) + time.Duration(rand.Int64N(int64(slice)+1))
		if wait := turn - time.Since(begin); wait > 0 && ctx.Err() == nil {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		session.close(ServerShutdown, websocket.GoingAway)
	}
}
