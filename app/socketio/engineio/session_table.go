package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// shards is how many locks the table has; polls of all sessions pass it.
const shardCount = 32

// table finds sessions by their id. There is one for the process, whatever
// worker a request came to.
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

// newID makes a session's id, which is also all that a client needs to speak
// for the session: 15 bytes that nobody guesses, as 20 characters.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// full reports whether all of limit places are taken, 0 being any number.
func (t *sessionTable) full(limit int) bool { return limit > 0 && t.count.Load() >= int64(limit) }

// reserve takes one of limit places for add to fill.
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

// remove takes out a session and gives back its place. It is called once for
// each session that has one.
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
