package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/access"
)

// Validate checks every variable by itself and against the others, and reads
// the TLS files. The error is of type Problems, in the order of the fields of
// Config, with one problem per variable.
func (c *Config) Validate() error {
	violated := c.violatedRules()
	var problems Problems
	for _, v := range c.variables() {
		in := c.inputs[v.name]
		message := violated[v.name]
		if wrong := v.check(); wrong != "" {
			message = wrong
		}
		if in.err != nil {
			message = in.err.Error()
		}
		if message == "" {
			continue
		}
		if in.path != "" {
			message += fmt.Sprintf(" (from %s%s=%s)", v.name, fileSuffix, in.path)
		}
		problems = append(problems, Problem{Variable: v.name, Value: v.redact(in.text), Message: message})
	}
	if problems == nil {
		return nil
	}
	return problems
}

// violatedRules returns, by variable, the first rule that it breaks: those of
// its syntax, and those that involve other variables.
func (c *Config) violatedRules() map[string]string {
	violated := map[string]string{}
	require := func(name string, ok bool, rule string) {
		if !ok && violated[name] == "" {
			violated[name] = rule
		}
	}
	require("HOST", c.Host == "" || isHost(c.Host), "want an IP address or host name without a port, or nothing for every address")
	require("ADMIN_ADDR", c.AdminAddr == "" || isAddress(c.AdminAddr), "want host:port, or nothing to disable it")
	require("CONTROL_SOCKET", len(c.ControlSocket) <= maxSocketPath,
		fmt.Sprintf("want a path of at most %d bytes, this one has %d", maxSocketPath, len(c.ControlSocket)))
	database, isPostgres := c.PostgresURL()
	if isPostgres {
		require("DATABASE_URL", isPostgresURL(database), "want postgres://user:password@host:port/database")
	}
	require("DATABASE_URL", isPostgres || database == "" || isSQLiteURL(database),
		"want sqlite:///absolute/path/to/file.db, postgres://user:password@host:port/database, or nothing for a file under DATA_DIR")
	require("REDIS_URL", c.RedisURL.Reveal() == "" || isRedisURL(c.RedisURL.Reveal()),
		"want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing")

	for _, text := range c.Alertmanagers() {
		require("ALERTMANAGER_URL", isHTTPURL(text), "want http://host:9093 or https://host, several separated by commas, or nothing")
	}
	webhook := c.AlarmWebhookURL.Reveal()
	require("ALARM_WEBHOOK_URL", webhook == "" || isHTTPURL(webhook), "want http://host/path, https://host/path or nothing")
	require("ALARM_WEBHOOK_SECRET", webhook == "" || c.AlarmWebhookSecret.Reveal() != "", "want a secret, since ALARM_WEBHOOK_URL is set")

	minSecretBytes := 1
	if c.Production() {
		minSecretBytes = access.MinSecretBytes
	}
	if _, err := access.Parse(c.APIKeys.Reveal(), minSecretBytes); err != nil {
		require("API_KEYS", false, err.Error())
	}
	require("API_KEYS", !c.Production() || c.APIKeys.Reveal() != "", "want at least one key in production")
	require("FAULT_INJECTION", !c.Production() || !c.FaultInjection, "is refused in production")
	require("TLS_CERT_FILE", c.TLSCertFile != "" || c.TLSKeyFile == "", "want a certificate, since TLS_KEY_FILE is set")
	require("TLS_KEY_FILE", c.TLSKeyFile != "" || c.TLSCertFile == "", "want a key, since TLS_CERT_FILE is set")
	if c.TLSCertFile != "" && c.TLSKeyFile != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile); err != nil {
			require("TLS_CERT_FILE", false, err.Error())
		}
	}

	// A request that may be sent must fit, or every retry would fail too.
	require("INGEST_QUEUE", c.IngestQueue >= c.MaxPointsPerRequest, "want at least MAX_POINTS_PER_REQUEST")
	require("INGEST_MEMORY", c.IngestMemory >= c.MaxBodyBytes, "want at least MAX_BODY_BYTES")
	require("SESSION_MEMORY", c.SessionMemory == 0 || c.SessionMemory >= c.MaxPayload, "want at least MAX_PAYLOAD")
	require("MAX_UNPACKED_BYTES", c.MaxUnpackedBytes >= c.MaxBodyBytes, "want at least MAX_BODY_BYTES")
	require("MAX_HEADER_BYTES", c.MaxHeaderBytes >= 4<<10 && c.MaxHeaderBytes <= 1<<20, "want 4Ki to 1Mi")
	// What a handler waits for must end before the watchdog takes it for stuck.
	require("READ_TIMEOUT", c.ReadTimeout < c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a handler waits for so long for a body")
	require("INGEST_TIMEOUT", c.IngestTimeout < c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a handler waits for so long for a commit")
	if isPostgres {
		require("DATABASE_CONNECT_TIMEOUT", c.DatabaseConnectTimeout < c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a handler waits for so long for a connection")
		require("DATABASE_STATEMENT_TIMEOUT", c.DatabaseStatementTimeout < c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a handler waits for so long for a query")
	}
	require("SHUTDOWN_SPREAD", c.ShutdownSpread <= c.ShutdownTimeout, "want at most SHUTDOWN_TIMEOUT, when the last sessions are closed")
	require("PING_INTERVAL", c.PingInterval < c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a poll waits for so long")
	require("WS_QUEUE_BYTES", c.WSQueueBytes >= 64<<10, "want at least 64Ki")
	return violated
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || hostname.MatchString(text)
}

func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && (host == "" || isHost(host))
}

// maxSocketPath is the longest path of a Unix socket; see unix(7).
const maxSocketPath = 107

func isSQLiteURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "sqlite" && u.User == nil && u.Host == "" && len(u.Path) > 1 &&
		!strings.HasSuffix(u.Path, "/") && u.RawQuery == ""
}

func isHTTPURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Fragment == ""
}

// isRedisURL reports whether text names a Redis server, or several nodes of a
// Redis Cluster.
func isRedisURL(text string) bool {
	scheme, rest, _ := strings.Cut(text, "://")
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	user := authority[:strings.LastIndex(authority, "@")+1]
	if hosts := strings.Split(authority[len(user):], ","); len(hosts) > 1 { // nodes of a cluster
		return strings.HasPrefix(scheme, "redis") && (path == "" || path == "/") && !slices.ContainsFunc(hosts, func(host string) bool {
			return !isRedisURL(scheme + "://" + user + host + path)
		})
	}
	u, err := url.Parse(text)
	return err == nil && (slices.Contains([]string{"redis", "rediss"}, u.Scheme) && u.Hostname() != "" || u.Scheme == "unix" && u.Path != "")
}

// isPostgresURL reports whether text names a database and a host: one, several
// or a directory of Unix sockets. The driver checks the rest when it connects.
func isPostgresURL(text string) bool {
	_, text, _ = strings.Cut(text, "://")
	authority, rest, _ := strings.Cut(text, "/")
	database, query, _ := strings.Cut(rest, "?")
	parameters, err := url.ParseQuery(query)
	host := authority[strings.LastIndex(authority, "@")+1:]
	return err == nil && (host != "" || parameters.Get("host") != "") && (database != "" || parameters.Get("dbname") != "")
}
