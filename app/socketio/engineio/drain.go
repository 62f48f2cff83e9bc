package engineio

import (
	"context"
	"math/rand/v2"
	"time"

	"smart-factory-backend/app/websocket"
)

// Drain refuses new sessions from now on and closes the existing ones: each
// client gets what is queued, then a close packet or close code 1001, and each
// receiver gets ServerShutdown. The closes are spread over a time, in random
// order and with jitter, so that the clients do not reconnect all at once. When
// ctx ends, the remaining sessions are closed at once. Drain returns when all
// are closed.
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
