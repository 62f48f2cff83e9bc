package live

import (
	"sync/atomic"

	"smart-factory-backend/app/live/hub"
)

// The transports. Each has its own encoding of a frame.
const (
	transportWebSocket hub.Format = iota
	transportSocketIO
	transportSSE
)

// transportNames are the values of the metric label "transport", by transport.
var transportNames = [hub.Formats]string{"websocket", "socketio", "sse"}

type counters struct {
	resyncs  atomic.Uint64
	sessions [hub.Formats]atomic.Int64  // by transport
	slow     [hub.Formats]atomic.Uint64 // by transport
}

// Stats are the figures of a Server.
type Stats struct {
	// Sessions counts the open sessions, Slow the clients that were disconnected
	// because they read too slowly, both by transport. Refused counts the sessions
	// that were refused, by reason.
	Sessions map[string]int
	Slow     map[string]uint64
	Refused  map[string]uint64
	// Rooms have members in this process. Subscriptions counts a session once for
	// each of its rooms.
	Rooms, Subscriptions int
	// Deliveries counts events times sessions. Published and Received count the
	// messages to and from other processes, Gaps the times that some were missing,
	// Resyncs the rooms that were sent a new snapshot.
	Deliveries, Published, Received, Gaps, Resyncs uint64
}

// Transports lists the keys of Stats.Sessions and Stats.Slow.
func Transports() []string { return transportNames[:] }

// RefusalReasons lists the keys of Stats.Refused.
func RefusalReasons() []string { return refusalReasons }

// Stats returns the current figures.
func (s *Server) Stats() Stats {
	h := s.hub.Stats()
	stats := Stats{
		Sessions: map[string]int{}, Slow: map[string]uint64{}, Refused: map[string]uint64{},
		Rooms: h.Rooms, Subscriptions: h.Members, Deliveries: h.Deliveries,
		Published: h.Published, Received: h.Received, Gaps: h.Gaps, Resyncs: s.counters.resyncs.Load(),
	}
	for i, name := range transportNames {
		stats.Sessions[name], stats.Slow[name] = int(s.counters.sessions[i].Load()), s.counters.slow[i].Load()
	}
	for reason, n := range s.admission.refused {
		stats.Refused[reason] = n.Load()
	}
	return stats
}
