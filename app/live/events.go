package live

import (
	"bytes"
	"strconv"

	"smart-factory-backend/app/factory"
)

// The names of the events that the journal does not determine. All others have the
// name of their factory.EventKind.
const (
	eventSnapshot  = "snapshot"
	eventTelemetry = "telemetry"
)

// Publish sends a value that the journal determines to the clients of this process,
// with its Seq as the member "seq", and retains it for snapshots. It drops what is
// older than what it has sent. Each process publishes the events of all.
func (s *Server) Publish(n factory.Notification) {
	n.Data = appendSeq(n.Data, n.Seq)
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	if s.closed || !s.retained.set(n) {
		return
	}
	for _, room := range s.roomsOfNotification(n) {
		s.hub.Emit(room, string(n.Kind), n.Data, false)
	}
}

func (s *Server) roomsOfNotification(n factory.Notification) []string {
	rooms := s.roomsOf(n.Machine)
	if line := lineRoom(n.Line); line != "" && n.Machine == "" {
		rooms = append(rooms, line)
	}
	if n.Kind == factory.EventAlarm {
		rooms = append(rooms, roomAlarms)
	}
	return rooms
}

// appendSeq returns a JSON object with the member "seq" in addition.
func appendSeq(object []byte, seq int64) []byte {
	object = bytes.TrimSuffix(bytes.TrimSpace(object), []byte{'}'})
	data := append(make([]byte, 0, len(object)+len(`,"seq":9223372036854775807}`)), object...)
	if len(bytes.TrimSpace(object)) > 1 {
		data = append(data, ',')
	}
	return append(strconv.AppendInt(append(data, `"seq":`...), seq, 10), '}')
}
