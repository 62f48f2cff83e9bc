package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// SessionLifetime is how long a session token is valid.
const SessionLifetime = 30 * 24 * time.Hour

// NewSession returns a token that authenticates as p until SessionLifetime after
// now. It does not contain the secret and ends with it: every process that has the
// key accepts it, and none once the key has another secret. It reports false if p is
// not active.
func (k *Keys) NewSession(p Principal, now time.Time) (token string, ok bool) {
	for _, key := range k.list.Load().keys {
		if key.principal() == p {
			issued := binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano())) // no two sessions are alike
			return key.name + "~" + base64.RawURLEncoding.EncodeToString(append(issued, key.sign(issued)...)), true
		}
	}
	return "", false
}

// AuthenticateSession returns the principal to whom NewSession has given a token, if
// EndSession has not ended it.
func (k *Keys) AuthenticateSession(token string, now time.Time) (Principal, bool) {
	p, s, ok := k.openSession(token, now)
	return p, ok && !k.ended.contain(s)
}

// EndSession ends the session of a token for these Keys. Other processes accept the
// token until it expires.
func (k *Keys) EndSession(token string, now time.Time) {
	if _, s, ok := k.openSession(token, now); ok {
		k.ended.add(s, now)
	}
}

// session identifies a session and says when it was issued.
type session struct {
	code   [sha256.Size]byte
	issued int64 // Unix nanoseconds
}

func (k *Keys) openSession(token string, now time.Time) (Principal, session, bool) {
	name, encoded, _ := strings.Cut(token, "~")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 8+sha256.Size {
		return Principal{}, session{}, false
	}
	s := session{code: [sha256.Size]byte(raw[8:]), issued: int64(binary.BigEndian.Uint64(raw))}
	if age := now.Sub(time.Unix(0, s.issued)); age < -time.Minute || age > SessionLifetime {
		return Principal{}, session{}, false
	}
	for _, key := range k.list.Load().keys {
		if key.name == name && hmac.Equal(raw[8:], key.sign(raw[:8])) {
			return key.principal(), s, true
		}
	}
	return Principal{}, session{}, false
}

// sign returns the code that proves that a session of the key was issued at a time.
func (k *key) sign(issued []byte) []byte {
	mac := hmac.New(sha256.New, k.sum[:])
	mac.Write([]byte("session of " + k.name + " as " + k.role.String() + " "))
	mac.Write(issued)
	return mac.Sum(nil)
}

// maxEndedSessions bounds the memory of endedSessions.
const maxEndedSessions = 4096

// endedSessions holds the sessions that ended before they expired. If there are too
// many, the oldest are forgotten.
type endedSessions struct {
	mu   sync.RWMutex
	list map[session]struct{}
}

func (e *endedSessions) contain(s session) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, ok := e.list[s]
	return ok
}

func (e *endedSessions) add(s session, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.list == nil {
		e.list = map[session]struct{}{}
	}
	e.list[s] = struct{}{}
	if len(e.list) <= maxEndedSessions {
		return
	}
	oldest := s
	for other := range e.list {
		if now.Sub(time.Unix(0, other.issued)) > SessionLifetime {
			delete(e.list, other)
		} else if other.issued < oldest.issued {
			oldest = other
		}
	}
	if len(e.list) > maxEndedSessions {
		delete(e.list, oldest)
	}
}
