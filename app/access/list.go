package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

const redacted = "***"

// Parse parses keys of the form name:role:secret, separated by commas. It ignores
// space around a key; a secret may contain colons. Names and secrets must be
// unique. The error joins all problems and contains no secret.
func Parse(list string) (List, error) {
	var (
		l        List
		problems []error
	)
	if strings.TrimSpace(list) == "" {
		return l, nil
	}
	for i, entry := range strings.Split(list, ",") {
		k, err := parseKey(strings.TrimSpace(entry))
		if err == nil {
			err = l.add(k)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("API key %d: %w", i+1, err))
		}
	}
	if len(problems) > 0 {
		return List{}, errors.Join(problems...)
	}
	return l, nil
}

func parseKey(entry string) (key, error) {
	parts := strings.SplitN(entry, ":", 3)
	if len(parts) != 3 {
		return key{}, errors.New("want name:role:secret")
	}
	name, secret := parts[0], parts[2]
	if name == "" || secret == "" {
		return key{}, errors.New("the name or the secret is empty")
	}
	if len(secret) > maxSecretBytes {
		return key{}, fmt.Errorf("the secret is longer than %d bytes", maxSecretBytes)
	}
	role, err := ParseRole(parts[1])
	if err != nil {
		return key{}, err
	}
	return key{name: name, role: role, sum: sha256.Sum256([]byte(secret))}, nil
}

func (l *List) add(k key) error {
	for _, other := range l.keys {
		if other.name == k.name {
			return fmt.Errorf("the name %q appears twice", k.name)
		}
		if other.sum == k.sum {
			return fmt.Errorf("%q has the same secret as %q", k.name, other.name)
		}
	}
	l.keys = append(l.keys, k)
	return nil
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
