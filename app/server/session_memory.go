package server

import (
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"smart-factory-backend/app/config"
)

// sessionMemory returns what all sessions may hold together: SESSION_MEMORY, or a
// quarter of the memory limit, or 1 GiB without one.
func sessionMemory(c config.Config) int64 {
	limit := debug.SetMemoryLimit(-1)
	switch {
	case c.SessionMemory > 0:
		return int64(c.SessionMemory)
	case limit == math.MaxInt64:
		return 1 << 30
	default:
		return max(limit/4, 1<<20)
	}
}

// evictionInterval is how often evictions are logged at the most.
const evictionInterval = time.Minute

// evictionLog logs once per interval that sessions were closed to free memory.
type evictionLog struct {
	log   *slog.Logger
	limit int64

	mu       sync.Mutex
	loggedAt time.Time
	sessions int // since loggedAt
}

func newEvictionLog(log *slog.Logger, limit int64) *evictionLog {
	return &evictionLog{log: log, limit: limit}
}

// observe is the OnEvict of the event loop.
func (e *evictionLog) observe(sessions int, used int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions += sessions
	if now := time.Now(); now.Sub(e.loggedAt) >= evictionInterval {
		e.log.Warn("sessions closed to free memory", slog.Int(keyCount, e.sessions),
			slog.Int64(keyBytes, used), slog.Int64(keyLimit, e.limit), see("session-memory"))
		e.loggedAt, e.sessions = now, 0
	}
}
