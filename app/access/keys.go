package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync/atomic"
)

// maxSecret bounds what is hashed for a request.
const maxSecretBytes = 512

// Principal is whoever made a request, as far as the key tells.
type Principal struct {
	// Name is the key's name, "" when no keys are configured.
	Name string
	Role Role
}

// Keys are the API keys in force. They can be replaced while requests are
// being checked; each check sees either the old ones or the new ones.
type Keys struct {
	list atomic.Pointer[List]
}

// NewKeys returns Keys that start with l.
func NewKeys(l List) *Keys {
	k := new(Keys)
	k.Replace(l)
	return k
}

// Replace puts l in force.
func (k *Keys) Replace(l List) { k.list.Store(&l) }

// Open reports whether there are no keys at all: then everybody may do
// everything, which is meant for development.
func (k *Keys) Unrestricted() bool { return len(k.list.Load().keys) == 0 }

// Hold reports whether a key of that name and role is in force.
func (k *Keys) Active(p Principal) bool {
	for _, key := range k.list.Load().keys {
		if key.name == p.Name && key.role == p.Role {
			return true
		}
	}
	return false
}

// Find returns whose secret this is. The time that it takes depends on the
// number of keys and the length of secret, not on the keys' contents.
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
	return Principal{Name: keys[found].name, Role: keys[found].role}, true
}
