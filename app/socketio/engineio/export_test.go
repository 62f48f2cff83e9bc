package engineio

import (
	"time"
	"unsafe"
)

// Freeze stops the server's clock. It is for one that has served nobody yet.
func (s *Server) FreezeClock() { s.clock = func() time.Duration { return time.Hour } }

// ProbeTimer returns what is called when the time of the session's probe is over.
func (s *Server) ProbeTimeoutFunc(sid string) func() {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.probe.probeTimedOut
}

// Pending reports whether a poll of the session waits.
func (s *Server) PollPending(sid string) bool {
	session := s.table.find([]byte(sid))
	if session == nil {
		return false
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.poll != nil
}

// Posting reports whether a POST of the session is being served.
func (s *Server) PostActive(sid string) bool {
	session := s.table.find([]byte(sid))
	if session == nil {
		return false
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.posting
}

// Known reports whether there is such a session.
func (s *Server) HasSession(sid string) bool { return s.table.find([]byte(sid)) != nil }

// Begun reports whether a session is there and has its receiver.
func (s *Server) HasReceiver(sid string) bool {
	session := s.table.find([]byte(sid))
	return session != nil && session.Receiver() != nil
}

// Late has the session's timer go off that much after it was due.
func (s *Server) FireTimerLate(sid string, by time.Duration) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	session.deadline = s.now() - int64(by)
	session.mu.Unlock()
	session.onTimer()
}

// Tick has the session's timer go off.
func (s *Server) FireTimer(sid string) { s.table.find([]byte(sid)).onTimer() }

// Due is when the session's timer is due.
func (s *Server) Deadline(sid string) int64 {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	return session.deadline
}

// Behind makes the session's timer due that long ago, and leaves the timer as it
// is.
func (s *Server) SetDeadlinePast(sid string, by time.Duration) (due int64) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	session.deadline = s.now() - int64(by)
	return session.deadline
}

// Overdue makes the session's pong due now, and leaves the timer as it is.
func (s *Server) ExpirePong(sid string) {
	session := s.table.find([]byte(sid))
	session.mu.Lock()
	defer session.mu.Unlock()
	session.awaitingPong, session.deadline = true, s.now()
}

// SessionSize is what a session takes beside the facts of its handshake.
const SessionSize = unsafe.Sizeof(Session{}) + unsafe.Sizeof(socket{})

// DepartWait is how long the poll of a client that left may take.
const ClientCloseTimeout = clientCloseTimeout

// ProbeWait is how long a poll waits during an upgrade.
const ProbeWait time.Duration = probePollTimeout

// DecodePayload decodes all packets of a payload: the types, and the data with
// a mark before what is binary.
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

// CountPackets is DecodePayload without keeping anything.
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

// AppendPayload is what a poll's answer is made by.
func AppendPayload(dst []byte, ms []*Message) []byte { return appendPayload(dst, ms) }

// EncodePayload is the body of an answer.
func EncodePayload(ms ...*Message) []byte { return appendPayload(nil, ms) }
