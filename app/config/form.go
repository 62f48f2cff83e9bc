package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// forms are the syntaxes that a form tag may ask for. Each returns what is
// wrong with a text, or "".
var forms = map[string]func(text string) string{
	"host":     checkHost,
	"address":  checkAddress,
	"socket":   checkSocket,
	"origins":  checkOrigins,
	"database": checkDatabase,
	"redis":    checkRedis,
	"keys":     checkKeys,
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

func checkHost(text string) string {
	if _, err := netip.ParseAddr(text); err == nil || hostname.MatchString(text) {
		return ""
	}
	return "want an IP address or host name without a port, or nothing for every address"
}

func checkAddress(text string) string {
	host, port, err := net.SplitHostPort(text)
	if _, portErr := strconv.ParseUint(port, 10, 16); err == nil && portErr == nil &&
		(host == "" || checkHost(host) == "") {
		return ""
	}
	return "want host:port, or nothing to disable it"
}

// socketMax is what the kernel takes as the path of a Unix socket.
const socketMax = 107

func checkSocket(text string) string {
	if len(text) > socketMax {
		return fmt.Sprintf("want a path of at most %d bytes, this one has %d", socketMax, len(text))
	}
	return ""
}

func checkOrigins(text string) string {
	for _, origin := range splitList(text) {
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
			origin != u.Scheme+"://"+u.Host) {
			return fmt.Sprintf("%q is not an origin such as https://screens.example.com, nor *", origin)
		}
	}
	return ""
}

func checkDatabase(text string) string {
	if isPostgres(text) {
		return checkPostgres(text)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "sqlite" || u.User != nil || u.Host != "" || len(u.Path) < 2 || strings.HasSuffix(u.Path, "/") ||
		u.RawQuery != "" {
		return "want sqlite:///absolute/path/to/file.db, postgres://user:password@host:port/database, or nothing for a file under DATA_DIR"
	}
	return ""
}

func checkRedis(text string) string {
	u, err := url.Parse(text)
	if err == nil && (slices.Contains([]string{"redis", "rediss"}, u.Scheme) && u.Hostname() != "" || u.Scheme == "unix" && u.Path != "") {
		return ""
	}
	return "want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, or nothing"
}

// isPostgres reports whether text is meant as a connection string of
// PostgreSQL.
func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// checkPostgres looks at what the rest relies on: the names of the database and
// of a host, which may be several, or a directory of sockets. More is known
// when it connects.
func checkPostgres(text string) string {
	const want = "want postgres://user:password@host:port/database"
	authority, rest, _ := strings.Cut(text[strings.Index(text, "://")+len("://"):], "/")
	database, query, _ := strings.Cut(rest, "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return want
	}
	host := authority[strings.LastIndex(authority, "@")+1:]
	if host == "" && parameters.Get("host") == "" || database == "" && parameters.Get("dbname") == "" {
		return want
	}
	return ""
}

// Roles that an API key may have.
var roles = []string{"read", "ingest", "operate", "admin"}

// Length of a key's secret; the least is for production.
const secretMin, secretMax = 16, 512

var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// checkKeys tells keys apart by their place only: where the form is wrong,
// any part may be the secret.
func checkKeys(text string) string {
	var problems []string
	names, secrets := map[string]int{}, map[string]int{}
	for i, key := range strings.Split(text, ",") {
		place := i + 1
		name, role, secret, whole := cutKey(key)
		switch {
		case !whole:
			problems = append(problems, fmt.Sprintf("key %d: want name:role:secret", place))
			continue
		case !keyName.MatchString(name):
			problems = append(problems, fmt.Sprintf("key %d: want a name of 1 to 64 letters, digits or ._-", place))
		case !slices.Contains(roles, role):
			problems = append(problems, fmt.Sprintf("key %d: want the role read, ingest, operate or admin", place))
		case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
			problems = append(problems, fmt.Sprintf("key %d: want a secret of printable ASCII without spaces", place))
		case len(secret) > secretMax:
			problems = append(problems, fmt.Sprintf("key %d: want a secret of at most %d bytes", place, secretMax))
		}
		if other := names[name]; other != 0 {
			problems = append(problems, fmt.Sprintf("key %d: has the name of key %d", place, other))
		}
		if other := secrets[secret]; other != 0 {
			problems = append(problems, fmt.Sprintf("key %d: has the secret of key %d", place, other))
		}
		names[name], secrets[secret] = place, place
	}
	return strings.Join(problems, "; ")
}

// checkKeyLengths returns what is wrong with well-formed keys in production.
func checkKeyLengths(text string) string {
	var problems []string
	for i, key := range strings.Split(text, ",") {
		if _, _, secret, whole := cutKey(key); whole && len(secret) < secretMin {
			problems = append(problems, fmt.Sprintf("key %d: want a secret of at least %d characters in production", i+1, secretMin))
		}
	}
	return strings.Join(problems, "; ")
}

// cutKey takes name:role:secret apart; the secret may hold colons.
func cutKey(key string) (name, role, secret string, whole bool) {
	name, rest, _ := strings.Cut(strings.TrimSpace(key), ":")
	role, secret, _ = strings.Cut(rest, ":")
	return name, role, secret, secret != ""
}
