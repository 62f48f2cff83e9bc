package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"sync/atomic"
)

// maxSecretBytes bounds the secret that a request can have hashed.
const maxSecretBytes = 512

// Principal identifies the client that made a request by its key.
type Principal struct {
	// Name is the name of the key, or "" if no keys are configured.
	Name string
	Role Role
	// fingerprint is of the secret, so that a new secret ends what the old one
	// has opened.
	fingerprint uint64
}

// Keys holds the configured API keys. Replace may be called at any time: each
// other call uses either the old list or the new one.
type Keys struct {
	list  atomic.Pointer[List]
	ended endedSessions
}

// NewKeys returns Keys with the list l.
func NewKeys(l List) *Keys {
	k := new(Keys)
	k.Replace(l)
	return k
}

// Replace replaces the list with l.
func (k *Keys) Replace(l List) { k.list.Store(&l) }

// Unrestricted reports whether no keys are configured. Callers then allow every
// action without a key, which is meant for development.
func (k *Keys) Unrestricted() bool { return len(k.list.Load().keys) == 0 }

// Active reports whether what p was authenticated with still holds: a key with its
// name, role and secret is configured, or p is the zero value and there are no keys.
func (k *Keys) Active(p Principal) bool {
	keys := k.list.Load().keys
	if len(keys) == 0 {
		return true
	}
	return slices.ContainsFunc(keys, func(key key) bool { return key.principal() == p })
}

// Authenticate returns the principal whose key has the given secret. Its running
// time depends on the number of keys and the length of secret, not on the
// contents of the keys.
func (k *Keys) Authenticate(secret []byte) (Principal, bool) {
	if len(secret) == 0 || len(secret) > maxSecretBytes {
		return Principal{}, false
	}
	sum := sha256.Sum256(secret)
	found := -1
	keys := k.list.Load().keys
	for i := range keys {
		same := subtle.ConstantTimeCompare(sum[:], keys[i].sum[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return Principal{}, false
	}
	return keys[found].principal(), true
}
