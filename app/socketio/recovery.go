package socketio

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Recovery configures connection state recovery: a client that reconnects in
// time gets its id, its rooms, its data and the events that it missed. The
// comment of a field names the default that replaces its zero value.
type Recovery struct {
	// MaxDisconnectionDuration is how long sessions and events are kept (2 min).
	MaxDisconnectionDuration time.Duration
	// RunMiddlewares runs the middlewares of the namespace for recovered
	// sockets, too. By default they are skipped.
	RunMiddlewares bool
	// MaxEvents and MaxBytes bound the events stored by each namespace (10 000
	// and 16 MiB), MaxSessions its sessions (10 000). The oldest are discarded
	// first. A client that missed a discarded event connects as a new socket.
	// Namespaces of patterns multiply these bounds; see
	// Options.MaxChildNamespaces.
	MaxEvents, MaxBytes, MaxSessions int
}

func (r Recovery) withDefaults() Recovery {
	r.MaxDisconnectionDuration = cmp.Or(r.MaxDisconnectionDuration, 2*time.Minute)
	r.MaxEvents = cmp.Or(r.MaxEvents, 10_000)
	r.MaxBytes = cmp.Or(r.MaxBytes, 16<<20)
	r.MaxSessions = cmp.Or(r.MaxSessions, 10_000)
	return r
}

// recoveryLog stores the events and sessions of a namespace. It is guarded by
// the mutex of the adapter.
type recoveryLog struct {
	limits Recovery
	now    func() time.Time
	prefix string // distinguishes the offsets of this log from those of an earlier process

	events []loggedEvent
	first  uint64 // number of events[0]
	bytes  int

	sessions map[string]storedSession
	byAge    []sessionAge // oldest first; includes restored sessions
}

type loggedEvent struct {
	packet        *Packet
	rooms, except []string
	at            time.Time
	size          int
}

type storedSession struct {
	session *Session
	at      time.Time
}

type sessionAge struct {
	pid string
	at  time.Time
}

func newRecoveryLog(limits *Recovery, now func() time.Time) *recoveryLog {
	if limits == nil {
		return nil
	}
	return &recoveryLog{
		limits: limits.withDefaults(), now: now, first: 1,
		prefix: randomID()[:8] + "-", sessions: map[string]storedSession{},
	}
}

// add stores an event and returns a copy with its offset as the last argument.
func (l *recoveryLog) add(p *Packet, o *BroadcastOptions) *Packet {
	number := l.first + uint64(len(l.events))
	data := make([]byte, 0, len(p.Data)+len(l.prefix)+16)
	data = append(data, p.Data[:len(p.Data)-1]...) // without the closing bracket
	data = append(data, `,"`...)
	data = append(data, l.offset(number)...)
	data = append(data, `"]`...)
	sent := *p
	sent.Data = data
	e := loggedEvent{
		packet: &sent, at: l.now(), size: len(data) + 200,
		rooms: slices.Clone(o.Rooms), except: slices.Clone(o.Except),
	}
	for _, b := range p.Attachments {
		e.size += len(b)
	}
	l.events = append(l.events, e)
	l.bytes += e.size
	l.trim()
	return &sent
}

// trim discards events and sessions that are too old or too many.
func (l *recoveryLog) trim() {
	oldest := l.now().Add(-l.limits.MaxDisconnectionDuration)
	n := 0
	for n < len(l.events) && (len(l.events)-n > l.limits.MaxEvents || l.bytes > l.limits.MaxBytes || l.events[n].at.Before(oldest)) {
		l.bytes -= l.events[n].size
		l.events[n] = loggedEvent{}
		n++
	}
	l.events = l.events[n:]
	l.first += uint64(n)
	n = 0
	for n < len(l.byAge) && (len(l.byAge)-n > l.limits.MaxSessions || l.byAge[n].at.Before(oldest)) {
		if stored := l.sessions[l.byAge[n].pid]; stored.at.Equal(l.byAge[n].at) {
			delete(l.sessions, l.byAge[n].pid)
		}
		n++
	}
	l.byAge = l.byAge[n:]
}

func (l *recoveryLog) offset(number uint64) string {
	return l.prefix + strconv.FormatUint(number, 36)
}

// number parses an offset. It returns false for offsets of another log.
func (l *recoveryLog) number(offset string) (uint64, bool) {
	digits, ours := strings.CutPrefix(offset, l.prefix)
	if !ours {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 36, 64)
	return n, err == nil
}

func (l *recoveryLog) persist(s *Session) {
	at := l.now()
	l.sessions[s.PID] = storedSession{session: s, at: at}
	l.byAge = append(l.byAge, sessionAge{pid: s.PID, at: at})
	l.trim()
}

func (l *recoveryLog) restore(pid, offset string) *Session {
	l.trim()
	stored, ok := l.sessions[pid]
	seen, ours := l.number(offset)
	if !ok || !ours || seen+1 < l.first || seen >= l.first+uint64(len(l.events)) {
		return nil
	}
	delete(l.sessions, pid)
	stored.session.Offset = offset
	stored.session.position = seen + 1
	return stored.session
}

// since returns the events that a session has missed. It returns false if some
// are discarded.
func (l *recoveryLog) since(s *Session) (missed []*Packet, complete bool) {
	if s.position < l.first {
		return nil, false
	}
	for _, e := range l.events[min(s.position-l.first, uint64(len(l.events))):] {
		if e.isFor(s.Rooms) {
			missed = append(missed, e.packet)
		}
	}
	return missed, true
}

// isFor reports whether the event was sent to a member of rooms.
func (e *loggedEvent) isFor(rooms []string) bool {
	included := len(e.rooms) == 0
	for _, name := range rooms {
		if slices.Contains(e.except, name) {
			return false
		}
		included = included || slices.Contains(e.rooms, name)
	}
	return included
}

// resumption is the part of a client's auth that asks for recovery.
type resumption struct {
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// resumptionOf returns the resumption in auth, false if there is none.
func resumptionOf(auth json.RawMessage) (resumption, bool) {
	var r resumption
	if len(auth) == 0 || json.Unmarshal(auth, &r) != nil {
		return r, false
	}
	return r, r.PID != "" && r.Offset != ""
}

// withoutResumption removes the resumption from auth: whoever knows it can
// take over the session.
func withoutResumption(auth json.RawMessage) json.RawMessage {
	if r, _ := resumptionOf(auth); r.PID == "" {
		return auth
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(auth, &members) != nil {
		return nil
	}
	delete(members, "pid")
	delete(members, "offset")
	stored, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return stored
}

// recoverable reports whether a socket disconnected for reason r may be
// recovered.
func recoverable(r Reason) bool {
	switch r {
	case TransportClose, TransportError, ForcedClose, PingTimeout, ServerShuttingDown, ForcedServerClose, SlowClient:
		return true
	}
	return false
}

// randomID returns 20 random characters that are safe in a URL.
func randomID() string {
	var b [15]byte
	_, _ = rand.Read(b[:])
	return base64.URLEncoding.EncodeToString(b[:])
}
