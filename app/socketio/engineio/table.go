package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// shards is how many locks the table has; polls of all sessions pass it.
const shards = 32

// table finds sessions by their id. There is one for the process, whatever
// worker a request came to.
type table struct {
	seed   maphash.Seed
	n      atomic.Int64
	shards [shards]shard
}

type shard struct {
	mu sync.RWMutex
	m  map[string]*Session
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = map[string]*Session{}
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
func (t *table) full(limit int) bool { return limit > 0 && t.n.Load() >= int64(limit) }

// reserve takes one of limit places for add to fill.
func (t *table) reserve(limit int) bool {
	if n := t.n.Add(1); limit > 0 && n > int64(limit) {
		t.n.Add(-1)
		return false
	}
	return true
}

func (t *table) of(id string) *shard { return &t.shards[maphash.String(t.seed, id)%shards] }

func (t *table) add(s *Session) {
	sh := t.of(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.m[s.id] = s
}

func (t *table) find(id []byte) *Session {
	sh := &t.shards[maphash.Bytes(t.seed, id)%shards]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.m[string(id)]
}

// remove takes out a session and gives back its place. It is called once for
// each session that has one.
func (t *table) remove(id string) {
	sh := t.of(id)
	sh.mu.Lock()
	delete(sh.m, id)
	sh.mu.Unlock()
	t.n.Add(-1)
}

func (t *table) all() []*Session {
	list := make([]*Session, 0, t.n.Load())
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for _, s := range sh.m {
			list = append(list, s)
		}
		sh.mu.RUnlock()
	}
	return list
}
