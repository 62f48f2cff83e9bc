package engineio

import (
	"time"
	"unsafe"
)

// FreezeClock stops the server's clock. Call it before the server is used.
func (s *Server) FreezeClock() { s.clock = func() time.Duration { return time.Hour } }

// ProbeTimeoutFunc returns the timer function of the session's probe.
func (s *Server) ProbeTimeoutFunc(sid string) func() {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.probe.probeTimedOut
}

// PollPending reports whether a poll of the session is waiting.
func (s *Server) PollPending(sid string) bool {
	session := s.table.find([]byte(sid))
	if session == nil {
		return false
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.poll != nil
}

// PostActive reports whether a POST of the session is being handled.
func (s *Server) PostActive(sid string) bool {
	session := s.table.find([]byte(sid))
	if session == nil {
		return false
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.posting
}

// HasSession reports whether the session is in the table.
func (s *Server) HasSession(sid string) bool { return s.table.find([]byte(sid)) != nil }

// HasReceiver reports whether Options.Open has returned for the session.
func (s *Server) HasReceiver(sid string) bool {
	session := s.table.find([]byte(sid))
	return session != nil && session.Receiver() != nil
}

// FireTimerLate runs the session's timer as if it fired that much after its
// deadline.
func (s *Server) FireTimerLate(sid string, by time.Duration) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	session.deadline = s.now() - int64(by)
	session.mu.Unlock()
	session.onTimer()
}

// FireTimer runs the session's timer function.
func (s *Server) FireTimer(sid string) { s.table.find([]byte(sid)).onTimer() }

// Deadline returns the session's deadline.
func (s *Server) Deadline(sid string) int64 {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.deadline
}

// SetDeadlinePast moves the session's deadline into the past, without its timer.
func (s *Server) SetDeadlinePast(sid string, by time.Duration) (due int64) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	session.deadline = s.now() - int64(by)
	return session.deadline
}

// ExpirePong makes the session's pong due now, without its timer.
func (s *Server) ExpirePong(sid string) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	session.awaitingPong, session.deadline = true, s.now()
}

// SessionSize is the size of a session without the text of its handshake.
const SessionSize = unsafe.Sizeof(Session{}) + unsafe.Sizeof(socket{})

// ClientCloseTimeout is how long a session that its client closed waits for a poll.
const ClientCloseTimeout = clientCloseTimeout

// ProbeWait is how long a poll waits during an upgrade.
const ProbeWait time.Duration = probePollTimeout

// DecodePayload decodes all packets of a payload. It returns their types, and
// their data with a prefix "b" for binary.
func DecodePayload(body []byte) (kinds string, data []string, err error) {
	p, err := newPayload(body)
	for err == nil {
		var one packet
		var ok bool
		one, ok, err = p.next()
		if !ok {
			break
		}
		kinds += string(rune(one.typ))
		mark := ""
		if one.binary {
			mark = "b"
		}
		data = append(data, mark+string(one.data))
	}
	return kinds, data, err
}

// CountPackets decodes a payload and returns the number of packets.
func CountPackets(body []byte) (n int, err error) {
	p, err := newPayload(body)
	for err == nil {
		var ok bool
		if _, ok, err = p.next(); !ok {
			break
		}
		n++
	}
	return n, err
}

// AppendPayload appends the packets of a poll's response.
func AppendPayload(dst []byte, ms []*Message) []byte { return appendPayload(dst, ms) }

// EncodePayload returns the body of a poll's response.
func EncodePayload(ms ...*Message) []byte { return appendPayload(nil, ms) }
