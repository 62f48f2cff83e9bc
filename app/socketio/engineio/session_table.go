package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// shardCount is the number of locks: every polling request looks a session up.
const shardCount = 32

// sessionTable maps session ids to sessions. The process has one table, because
// the requests of a session may arrive at any worker.
type sessionTable struct {
	seed   maphash.Seed
	count  atomic.Int64
	shards [shardCount]tableShard
}

type tableShard struct {
	mu       sync.RWMutex
	sessions map[string]*Session
}

func newSessionTable() *sessionTable {
	t := &sessionTable{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].sessions = map[string]*Session{}
	}
	return t
}

// newID returns a session id: 15 random bytes as 20 characters. The id is the
// client's only credential, so it must not be guessable.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// full reports whether there are limit sessions; never if limit is 0.
func (t *sessionTable) full(limit int) bool { return limit > 0 && t.count.Load() >= int64(limit) }

// reserve counts a session that add will add. It returns false if there are
// limit sessions already; never if limit is 0.
func (t *sessionTable) reserve(limit int) bool {
	if n := t.count.Add(1); limit > 0 && n > int64(limit) {
		t.count.Add(-1)
		return false
	}
	return true
}

func (t *sessionTable) shardOf(id string) *tableShard {
	return &t.shards[maphash.String(t.seed, id)%shardCount]
}

func (t *sessionTable) add(s *Session) {
	sh := t.shardOf(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.sessions[s.id] = s
}

func (t *sessionTable) find(id []byte) *Session {
	sh := &t.shards[maphash.Bytes(t.seed, id)%shardCount]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.sessions[string(id)]
}

// remove removes a session. It must be called once per reserved session.
func (t *sessionTable) remove(id string) {
	sh := t.shardOf(id)
	sh.mu.Lock()
	delete(sh.sessions, id)
	sh.mu.Unlock()
	t.count.Add(-1)
}

func (t *sessionTable) all() []*Session {
	list := make([]*Session, 0, t.count.Load())
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for _, s := range sh.sessions {
			list = append(list, s)
		}
		sh.mu.RUnlock()
	}
	return list
}
