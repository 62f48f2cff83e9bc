package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Length of an API key's secret; the minimum holds in production.
const minSecretBytes, maxSecretBytes = 16, 512

var (
	apiKeyRoles = []string{"read", "ingest", "operate", "admin"}
	apiKeyName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
)

// apiKeyProblems returns what is wrong with a list of API keys, or "". It
// names a key by its position only: in a malformed key, any part may be the
// secret.
func apiKeyProblems(list string, production bool) string {
	if list == "" {
		return ""
	}
	var problems []string
	names, secrets := map[string]int{}, map[string]int{}
	for i, key := range strings.Split(list, ",") {
		position := i + 1
		report := func(format string, args ...any) {
			problems = append(problems, fmt.Sprintf("key %d: ", position)+fmt.Sprintf(format, args...))
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(key), ":")
		role, secret, _ := strings.Cut(rest, ":") // which may contain colons
		if secret == "" {
			report("want name:role:secret")
			continue
		}
		switch {
		case !apiKeyName.MatchString(name):
			report("want a name of 1 to 64 letters, digits or ._-")
		case !slices.Contains(apiKeyRoles, role):
			report("want the role read, ingest, operate or admin")
		case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
			report("want a secret of printable ASCII without spaces")
		case len(secret) > maxSecretBytes:
			report("want a secret of at most %d bytes", maxSecretBytes)
		case production && len(secret) < minSecretBytes:
			report("want a secret of at least %d characters in production", minSecretBytes)
		}
		if other := names[name]; other != 0 {
			report("has the name of key %d", other)
		}
		if other := secrets[secret]; other != 0 {
			report("has the secret of key %d", other)
		}
		names[name], secrets[secret] = position, position
	}
	return strings.Join(problems, "; ")
}
