package config

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is the whole configuration of one process. A Config from Load that
// came without an error, or from Default, keeps to every bound below.
//
// Tags: envconfig is the variable's name, default its default, shown what
// documents the default where that is computed, min and max the bounds,
// oneof the words allowed, form a stricter syntax for a text, empty that an
// empty value is a value of its own, meaning the line in the manual.
type Config struct {
	// Where to listen, and with how many workers.
	Host    string `envconfig:"HOST" computed:"every address" desc:"address to listen on, IPv4 or IPv6"`
	Port    int    `envconfig:"PORT" default:"3000" min:"0" max:"65535" desc:"port to listen on; 0 lets the system choose"`
	Workers int    `envconfig:"CLUSTER_WORKERS" default:"0" computed:"GOMAXPROCS" min:"0" desc:"number of workers, at most GOMAXPROCS; 0 is GOMAXPROCS and follows the CPU quota"`

	// Environment is "development" or "production"; see Production.
	Environment string     `envconfig:"NODE_ENV" default:"development" oneof:"development production" desc:"development or production"`
	LogLevel    slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error; may change on reload"`
	LogFormat   string     `envconfig:"LOG_FORMAT" computed:"text, in production json" oneof:"text json" desc:"text or json"`

	// Where data is kept; see SQLitePath and PostgresURL.
	DatabaseURL URL    `envconfig:"DATABASE_URL" computed:"SQLite under DATA_DIR" desc:"sqlite:///path/to/file.db, or for several replicas postgres://user:password@host:port/database"`
	DataDir     string `envconfig:"DATA_DIR" default:"./data" desc:"directory of the embedded database"`
	RedisURL    URL    `envconfig:"REDIS_URL" desc:"redis://[user:password@]host:port, rediss:// for TLS: joins the rooms of several replicas"`

	// Who may do what. APIKeys has been checked for its form only.
	APIKeys        Secret   `envconfig:"API_KEYS" desc:"name:role:secret, separated by commas; roles read, ingest, operate, admin; required in production; may change on reload"`
	AllowedOrigins Origins  `envconfig:"ALLOWED_ORIGINS" desc:"origins of web pages that may call the API, separated by commas; * is any; may change on reload"`
	TrustedProxies Prefixes `envconfig:"TRUSTED_PROXIES" desc:"addresses or CIDR ranges of proxies whose X-Forwarded-For is believed"`

	// AdminAddr is empty when metrics and pprof are not to be served.
	AdminAddr string `envconfig:"ADMIN_ADDR" default:"127.0.0.1:9464" allowempty:"true" desc:"address of metrics and pprof; empty disables them"`
	// ControlSocket is empty only while it is unset and Port is 0; see
	// ControlSocketFor.
	ControlSocket string `envconfig:"CONTROL_SOCKET" computed:"by PORT, in the temporary directory" desc:"Unix socket of status, reload and scale; the default is smart-factory-backend-PORT.sock"`

	// Both or none of the TLS files are set, and they hold a pair.
	TLSCertFile string `envconfig:"TLS_CERT_FILE" desc:"PEM certificate chain; with TLS_KEY_FILE it turns TLS on; read again on reload"`
	TLSKeyFile  string `envconfig:"TLS_KEY_FILE" desc:"PEM private key of TLS_CERT_FILE"`

	// How InfluxDB's line protocol is understood; see InfluxMeasurement.
	InfluxMachineTag string `envconfig:"INFLUX_MACHINE_TAG" default:"machine" desc:"tag of line protocol that names the machine; where a line has none of it, the tag host does"`
	InfluxMetric     string `envconfig:"INFLUX_METRIC" default:"field" oneof:"field measurement_field" desc:"name of a metric from line protocol: field, or measurement_field, which puts the measurement and _ before it"`

	// What is kept, and for how long. StoreMaxBytes is 0 for the default.
	Retention     time.Duration `envconfig:"RETENTION" default:"0s" min:"0" desc:"how long readings are kept, by their own time, where the metric does not say; 0 is for ever"`
	StoreMaxBytes Bytes         `envconfig:"STORE_MAX_BYTES" default:"0" computed:"80 % of the disk" min:"0" desc:"size of the database from which the oldest readings go, with a warning before; on PostgreSQL there is no limit unless it is set"`

	// What the PostgreSQL engine may take of its server.
	DatabaseMaxConns         int           `envconfig:"DATABASE_MAX_CONNECTIONS" default:"16" min:"6" max:"10000" desc:"connections of this process to PostgreSQL"`
	DatabaseConnectTimeout   time.Duration `envconfig:"DATABASE_CONNECT_TIMEOUT" default:"5s" desc:"time to connect to PostgreSQL, and how long a query waits for a free connection"`
	DatabaseStatementTimeout time.Duration `envconfig:"DATABASE_STATEMENT_TIMEOUT" default:"10s" desc:"time that a statement may take in PostgreSQL"`

	AutoRegister   bool `envconfig:"AUTO_REGISTER" default:"true" desc:"register unknown machines and metrics on first sight"`
	FaultInjection bool `envconfig:"FAULT_INJECTION" default:"false" desc:"serve POST /api/faults/…, which breaks things on purpose; refused in production"`

	// How workers are watched and replaced.
	WorkerMinUptime     time.Duration `envconfig:"WORKER_MIN_UPTIME" default:"1s" desc:"least time between two recycles of a worker after panics"`
	WorkerMaxRestarts   int           `envconfig:"WORKER_MAX_RESTARTS" default:"5" desc:"restarts of a worker within WORKER_RESTART_WINDOW that happen at once; more back off"`
	WorkerRestartWindow time.Duration `envconfig:"WORKER_RESTART_WINDOW" default:"30s" desc:"time over which restarts are counted"`
	WorkerStallAfter    time.Duration `envconfig:"WORKER_STALL_AFTER" default:"60s" desc:"a worker or request stuck for longer is abandoned and replaced"`
	WorkerAbandonLimit  int           `envconfig:"WORKER_ABANDON_LIMIT" default:"4" desc:"abandoned generations alive at once before the process gives up"`

	// How the process ends.
	ShutdownDelay   time.Duration `envconfig:"SHUTDOWN_DELAY" default:"0s" min:"0" desc:"how long accepting goes on after SIGTERM, for a load balancer to notice"`
	ShutdownSpread  time.Duration `envconfig:"SHUTDOWN_SPREAD" default:"2s" min:"0" desc:"time over which WebSockets are told to come back"`
	ShutdownTimeout time.Duration `envconfig:"SHUTDOWN_TIMEOUT" default:"25s" desc:"how long requests may take to finish before they are cut"`

	// Timeouts of a connection.
	ReadTimeout  time.Duration `envconfig:"READ_TIMEOUT" default:"10s" desc:"time to read a whole request"`
	WriteTimeout time.Duration `envconfig:"WRITE_TIMEOUT" default:"30s" desc:"time a write to a client may make no progress"`
	IdleTimeout  time.Duration `envconfig:"IDLE_TIMEOUT" default:"75s" desc:"time a kept-alive connection may wait for its next request"`

	// Limits of clients. RateBurst is never 0.
	MaxConnections           int `envconfig:"MAX_CONNECTIONS" default:"50000" desc:"open connections of the process"`
	MaxConnectionsPerAddress int `envconfig:"MAX_CONNECTIONS_PER_ADDRESS" default:"20000" desc:"open connections of one client address"`
	RateLimit                int `envconfig:"RATE_LIMIT" default:"100000" desc:"requests per second of one client address"`
	RateBurst                int `envconfig:"RATE_BURST" default:"0" computed:"RATE_LIMIT" min:"0" desc:"requests of one client address at once; 0 is RATE_LIMIT"`
	KeyRateLimit             int `envconfig:"KEY_RATE_LIMIT" default:"100000" desc:"requests per second of one API key"`

	// Limits of what a request may bring, and of what may wait.
	MaxBodyBytes        Bytes         `envconfig:"MAX_BODY_BYTES" default:"4Mi" desc:"size of a request body as sent"`
	MaxUnpackedBytes    Bytes         `envconfig:"MAX_UNPACKED_BYTES" default:"32Mi" desc:"size of a request body after gzip"`
	MaxPointsPerRequest int           `envconfig:"MAX_POINTS_PER_REQUEST" default:"10000" desc:"readings in one request"`
	MaxSeries           int           `envconfig:"MAX_SERIES" default:"100000" desc:"machine-metric pairs in the store"`
	IngestQueue         int           `envconfig:"INGEST_QUEUE" default:"200000" desc:"readings that may wait for a commit; more get 503"`
	IngestTimeout       time.Duration `envconfig:"INGEST_TIMEOUT" default:"10s" desc:"how long a request may wait for its commit"`
	IngestMemory        Bytes         `envconfig:"INGEST_MEMORY" default:"256Mi" desc:"memory for the bodies of requests at work, and as much again for history until clients have it; in a small container a quarter of its memory; more get 503"`

	// Sessions of clients: WebSockets, Socket.IO, Server-Sent Events.
	RealtimeInterval  time.Duration `envconfig:"REALTIME_INTERVAL" default:"100ms" desc:"time over which telemetry is gathered for each room"`
	MaxRoomsPerSocket int           `envconfig:"MAX_ROOMS_PER_SOCKET" default:"1000" desc:"rooms that one session may have subscribed"`
	MaxSockets        int           `envconfig:"MAX_SOCKETS" default:"40000" desc:"sessions (WebSocket, Socket.IO, event streams) of the process"`
	MaxSocketsPerAddr int           `envconfig:"MAX_SOCKETS_PER_ADDRESS" default:"20000" desc:"sessions of one client address"`
	MaxSocketsPerKey  int           `envconfig:"MAX_SOCKETS_PER_KEY" default:"20000" desc:"sessions with one API key"`
	UpgradeRate       int           `envconfig:"UPGRADE_RATE" default:"2000" desc:"sessions that may begin in a second; more get 503"`
	WSQueueBytes      Bytes         `envconfig:"WS_QUEUE_BYTES" default:"4Mi" desc:"bytes that may wait for one client before it is closed as too slow; a snapshot of 10000 metrics takes 1Mi"`
	WSCompression     bool          `envconfig:"WS_COMPRESSION" default:"false" desc:"agree to permessage-deflate: less traffic for more CPU"`
	MaxPayload        Bytes         `envconfig:"MAX_PAYLOAD" default:"1Mi" desc:"largest message from a client of a session"`
	PingInterval      time.Duration `envconfig:"PING_INTERVAL" default:"25s" desc:"time between signs of life to a client; less than WORKER_STALL_AFTER"`
	PingTimeout       time.Duration `envconfig:"PING_TIMEOUT" default:"20s" desc:"how long a Socket.IO client may take to answer one"`

	inputs map[string]input // by name; empty unless Load made the Config
}

// Production reports whether NODE_ENV is production.
func (c Config) Production() bool { return c.Environment == "production" }

// InfluxMeasurement reports whether the names of metrics from line protocol
// begin with the measurement.
func (c Config) InfluxMeasurement() bool { return c.InfluxMetric == "measurement_field" }

// TLS reports whether connections are to be served over TLS.
func (c Config) TLS() bool { return c.TLSCertFile != "" }

// PostgresURL returns the connection string of PostgreSQL; ok is false where
// the embedded database is used.
func (c Config) PostgresURL() (connection string, ok bool) {
	connection = c.DatabaseURL.Reveal()
	return connection, strings.HasPrefix(connection, "postgres://") || strings.HasPrefix(connection, "postgresql://")
}

// SQLitePath returns the file of the embedded database, which is not used where
// PostgresURL is there.
func (c Config) SQLitePath() string {
	if u, err := url.Parse(c.DatabaseURL.Reveal()); err == nil && u.Path != "" {
		return u.Path
	}
	return filepath.Join(c.DataDir, "smart-factory.db")
}

// ControlSocketFor returns the path of the control socket of the process that
// listens on port, which matters where Port is 0.
func (c Config) ControlSocketFor(port int) string {
	if c.ControlSocket != "" {
		return c.ControlSocket
	}
	return filepath.Join(os.TempDir(), "smart-factory-backend-"+strconv.Itoa(port)+".sock")
}
