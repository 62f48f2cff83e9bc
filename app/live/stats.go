package live

import "sync/atomic"

// The transports, as metrics and logs name them.
const (
	transportWebSocket = "websocket"
	transportSocketIO  = "socketio"
	transportSSE       = "sse"
)

// Their places in transports.
const (
	indexWebSocket = iota
	indexSocketIO
	indexSSE
)

var transports = []string{transportWebSocket, transportSocketIO, transportSSE}

// counts are figures that grow.
type counters struct {
	resyncs  atomic.Uint64
	sessions [3]atomic.Int64  // by place in transports
	slow     [3]atomic.Uint64 // that were closed because they read too slowly
}

// Stats are figures of a Realtime.
type Stats struct {
	// Sessions and Slow are by transport: those that there are, and those that
	// were closed because they read too slowly. Refused is by reason.
	Sessions map[string]int
	Slow     map[string]uint64
	Refused  map[string]uint64
	// Rooms have members here; Subscriptions counts a session once for each of
	// its rooms.
	Rooms, Subscriptions int
	// Deliveries counts events times sessions. Published and Received count messages to
	// and from other processes, Gaps how often some were missing, and Repairs
	// the rooms that got a fresh snapshot for it.
	Deliveries, Published, Received, Gaps, Resyncs uint64
}

// Transports lists the keys of Stats.Sessions and Stats.Slow, and
// RefusalReasons those of Stats.Refused.
func Transports() []string { return transports }

// RefusalReasons lists the keys of Stats.Refused.
func RefusalReasons() []string { return refusalReasons }

// Stats returns the present figures.
func (r *Server) Stats() Stats {
	of := r.hub.Stats()
	s := Stats{
		Sessions: map[string]int{}, Slow: map[string]uint64{}, Refused: map[string]uint64{},
		Rooms: of.Rooms, Subscriptions: of.Members, Deliveries: of.Deliveries,
		Published: of.Published, Received: of.Received, Gaps: of.Gaps, Resyncs: r.counters.resyncs.Load(),
	}
	for i, t := range transports {
		s.Sessions[t], s.Slow[t] = int(r.counters.sessions[i].Load()), r.counters.slow[i].Load()
	}
	for reason, n := range r.admission.refusedTotal {
		s.Refused[reason] = n.Load()
	}
	return s
}
