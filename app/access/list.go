package access

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// List is a parsed list of API keys, which always prints as ***. The zero List
// has no keys.
type List struct {
	keys []key
}

type key struct {
	name string
	role Role
	sum  [sha256.Size]byte
}

func (k *key) principal() Principal {
	return Principal{Name: k.name, Role: k.role, fingerprint: binary.LittleEndian.Uint64(k.sum[:])}
}

const redacted = "***"

// MinSecretBytes is the shortest secret that is acceptable in production.
const MinSecretBytes = 16

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Parse parses keys of the form name:role:secret, separated by commas. It ignores
// space around a key; a secret may contain colons and must have at least
// minSecretBytes bytes. Names and secrets must be unique. The error lists all
// problems and identifies a key by its position only: any part of a malformed key
// may be the secret.
func Parse(list string, minSecretBytes int) (List, error) {
	if strings.TrimSpace(list) == "" {
		return List{}, nil
	}
	var l List
	var problems []string
	names, secrets := map[string]int{}, map[string]int{}
	for i, entry := range strings.Split(list, ",") {
		position := i + 1
		report := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("key %d: ", position)+fmt.Sprintf(format, args...))
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(entry), ":")
		roleName, secret, _ := strings.Cut(rest, ":")
		if secret == "" {
			report("want name:role:secret")
			continue
		}
		role, err := ParseRole(roleName)
		switch {
		case !validName.MatchString(name):
			report("want a name of 1 to 64 letters, digits or ._-")
		case err != nil:
			report("%v", err)
		case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
			report("want a secret of printable ASCII without spaces")
		case len(secret) > maxSecretBytes:
			report("want a secret of at most %d bytes", maxSecretBytes)
		case len(secret) < minSecretBytes:
			report("want a secret of at least %d characters in production", minSecretBytes)
		}
		if other := names[name]; other != 0 {
			report("has the name of key %d", other)
		}
		if other := secrets[secret]; other != 0 {
			report("has the secret of key %d", other)
		}
		names[name], secrets[secret] = position, position
		l.keys = append(l.keys, key{name: name, role: role, sum: sha256.Sum256([]byte(secret))})
	}
	if len(problems) > 0 {
		return List{}, errors.New(strings.Join(problems, "; "))
	}
	return l, nil
}

// Len returns the number of keys.
func (l List) Len() int { return len(l.keys) }

// String returns ***.
func (List) String() string { return redacted }

// Format prints *** for every verb.
func (List) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns ***, in JSON and elsewhere.
func (List) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs ***.
func (List) LogValue() slog.Value { return slog.StringValue(redacted) }
