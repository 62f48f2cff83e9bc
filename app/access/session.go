package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
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
			issued := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
			return key.name + "~" + base64.RawURLEncoding.EncodeToString(append(issued, key.sign(issued)...)), true
		}
	}
	return "", false
}

// AuthenticateSession returns the principal to whom NewSession has given a token.
func (k *Keys) AuthenticateSession(token string, now time.Time) (Principal, bool) {
	name, encoded, _ := strings.Cut(token, "~")
	raw, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 8+sha256.Size {
		return Principal{}, false
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	if age := now.Sub(issued); age < -time.Minute || age > SessionLifetime {
		return Principal{}, false
	}
	for _, key := range k.list.Load().keys {
		if key.name == name && hmac.Equal(raw[8:], key.sign(raw[:8])) {
			return key.principal(), true
		}
	}
	return Principal{}, false
}

// sign returns the code that proves that a session of the key was issued at a time.
func (k *key) sign(issued []byte) []byte {
	mac := hmac.New(sha256.New, k.sum[:])
	mac.Write([]byte("session of " + k.name + " as " + k.role.String() + " "))
	mac.Write(issued)
	return mac.Sum(nil)
}
