package config

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration of one process.
//
// Its struct tags are envconfig, the name of the variable; default, the text of
// its default; computed, the description of a default that depends on other
// variables; min and max, its bounds, where a missing min means above 0; oneof,
// the accepted words; allowempty, if an empty text is a value and not the
// default; and desc, its line in the manual.
type Config struct {
	// Where the server listens, and with how many workers.
	Host    string `envconfig:"HOST" computed:"every address" desc:"IPv4 or IPv6 address to listen on"`
	Port    int    `envconfig:"PORT" default:"3000" min:"0" max:"65535" desc:"port to listen on; with 0 the system assigns one"`
	Workers int    `envconfig:"CLUSTER_WORKERS" default:"0" computed:"GOMAXPROCS" min:"0" zero:"max auto" desc:"number of workers, at most GOMAXPROCS; 0, max and auto mean GOMAXPROCS and follow the CPU quota"`

	// Environment is "development" or "production"; see Production.
	Environment string     `envconfig:"NODE_ENV" default:"development" oneof:"development production" desc:"development or production"`
	LogLevel    slog.Level `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error; can change on reload"`
	LogFormat   string     `envconfig:"LOG_FORMAT" computed:"text, in production json" oneof:"text json" desc:"text or json"`

	// Where data is stored; see SQLitePath and PostgresURL.
	DatabaseURL URL    `envconfig:"DATABASE_URL" computed:"SQLite under DATA_DIR" desc:"sqlite:///path/to/file.db, or postgres://user:password@host:port/database for several replicas"`
	DataDir     string `envconfig:"DATA_DIR" default:"./data" desc:"directory of the embedded database"`
	RedisURL    URL    `envconfig:"REDIS_URL" desc:"redis://[user:password@]host:port, or rediss:// for TLS; connects several replicas, so that they share rooms; redis://a:6379,b:6379,c:6379 is a Redis Cluster"`
	// RedisAdapter is a name of a redisadapter.Mode.
	RedisAdapter string `envconfig:"REDIS_ADAPTER" default:"classic" oneof:"classic sharded sharded-static sharded-private" desc:"format of Socket.IO messages on Redis: classic is createAdapter of @socket.io/redis-adapter, sharded is its createShardedAdapter with subscription mode dynamic, sharded-static and sharded-private are its other modes; sharded needs Redis 7"`

	// Who may access the server. APIKeys is a list for access.Parse.
	APIKeys        Secret   `envconfig:"API_KEYS" desc:"name:role:secret, separated by commas; the roles are read, ingest, operate and admin; required in production; can change on reload"`
	AllowedOrigins Origins  `envconfig:"ALLOWED_ORIGINS" desc:"origins of other pages that may use the server, separated by commas, such as https://screens.example.com or https://*.example.com; * allows all; can change on reload"`
	AllowedHosts   Hosts    `envconfig:"ALLOWED_HOSTS" desc:"names by which pages may address a server without API_KEYS and the admin port, besides addresses, localhost and private names; *.example.com for all below; * allows all"`
	TrustedProxies Prefixes `envconfig:"TRUSTED_PROXIES" desc:"addresses or CIDR ranges of proxies whose X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto and Forwarded headers are trusted"`

	MaxShelve time.Duration `envconfig:"MAX_SHELVE" default:"24h" min:"1s" desc:"longest time for which an alarm can be shelved"`

	// Where alarms are sent; see Alertmanagers.
	AlertmanagerURL    URL    `envconfig:"ALERTMANAGER_URL" desc:"http://host:9093 of an Alertmanager, or several separated by commas, which are told of all alarms"`
	AlarmWebhookURL    URL    `envconfig:"ALARM_WEBHOOK_URL" desc:"http:// or https:// URL that gets each transition of an alarm as a CloudEvent"`
	AlarmWebhookSecret Secret `envconfig:"ALARM_WEBHOOK_SECRET" desc:"secret that signs what is sent to ALARM_WEBHOOK_URL; required with it"`

	// AdminAddr is empty if metrics and pprof are disabled.
	AdminAddr string `envconfig:"ADMIN_ADDR" default:"127.0.0.1:9464" allowempty:"true" desc:"address for metrics and pprof; empty disables them"`
	// ControlSocket is empty only if it is not set and Port is 0; see
	// ControlSocketFor.
	ControlSocket string `envconfig:"CONTROL_SOCKET" computed:"by PORT, in XDG_RUNTIME_DIR or DATA_DIR" desc:"Unix socket for status, reload and scale; the default is named smart-factory-backend-PORT.sock"`

	// Either both TLS files are set, to a certificate and its key, or neither is.
	TLSCertFile string `envconfig:"TLS_CERT_FILE" desc:"PEM certificate chain; enables TLS together with TLS_KEY_FILE; read again on reload"`
	TLSKeyFile  string `envconfig:"TLS_KEY_FILE" desc:"PEM private key for TLS_CERT_FILE"`

	// How InfluxDB line protocol is mapped; see server.lineNaming.
	InfluxMachineTag string `envconfig:"INFLUX_MACHINE_TAG" default:"machine" desc:"line protocol tag that names the machine; a line without it uses the tag host"`
	InfluxMetric     string `envconfig:"INFLUX_METRIC" computed:"measurement_field" oneof:"field measurement_field" desc:"metric name for line protocol: measurement_field, or field without the measurement"`
	InfluxTags       string `envconfig:"INFLUX_TAGS" default:"auto" oneof:"auto keep drop" desc:"keep puts the further tags of line protocol into the metric name; drop ignores them, so that values which only tags tell apart overwrite each other; auto means keep, except for metrics that an earlier release has stored without tags"`

	// What is stored, and for how long.
	Retention time.Duration `envconfig:"RETENTION" default:"0s" min:"0" zero:"forever" desc:"how long readings are stored, by their own timestamp, unless the metric has its own retention: a duration such as 30d, 12w or 1y; 0 and forever mean forever"`
	// How long events are stored.
	RetentionAudit  time.Duration `envconfig:"RETENTION_AUDIT" default:"9600h" min:"0" zero:"forever" desc:"how long audit events are stored, from their arrival (400 days); the newest one of each document stays"`
	RetentionAlarm  time.Duration `envconfig:"RETENTION_ALARM" default:"9600h" min:"0" zero:"forever" desc:"how long the transitions of alarms and their deliveries are stored (400 days); the newest one of each rule and machine stays"`
	RetentionText   time.Duration `envconfig:"RETENTION_TEXT" default:"720h" min:"0" zero:"forever" desc:"how long texts and the OEE events of running shifts are stored (30 days); the newest text of each metric stays"`
	RetentionEvents time.Duration `envconfig:"RETENTION_EVENTS" default:"0s" min:"0" zero:"forever" desc:"how long all other events are stored: states, counts, reasons, products, notes; a timeline lacks what is deleted"`
	// StoreMaxBytes is 0 for the default.
	StoreMaxBytes Bytes `envconfig:"STORE_MAX_BYTES" default:"0" computed:"80 % of the disk" min:"0" desc:"database size above which the oldest readings are deleted, after a warning; PostgreSQL has no limit unless this is set"`

	// Limits of the PostgreSQL engine.
	StoreWait                time.Duration `envconfig:"STORE_WAIT" default:"5m" desc:"how long a start waits, unready, until PostgreSQL can be reached"`
	DatabaseMaxConns         int           `envconfig:"DATABASE_MAX_CONNECTIONS" default:"16" min:"7" max:"10000" desc:"PostgreSQL connections of this process"`
	DatabaseConnectTimeout   time.Duration `envconfig:"DATABASE_CONNECT_TIMEOUT" default:"5s" desc:"timeout for connecting to PostgreSQL, and for a query to get a free connection"`
	DatabaseStatementTimeout time.Duration `envconfig:"DATABASE_STATEMENT_TIMEOUT" default:"10s" desc:"timeout of a PostgreSQL statement"`

	AutoRegister   bool `envconfig:"AUTO_REGISTER" default:"true" desc:"register unknown machines and metrics when their first reading arrives"`
	FaultInjection bool `envconfig:"FAULT_INJECTION" default:"false" desc:"serve POST /api/faults/…, which causes failures for tests; refused in production"`

	// How workers are supervised.
	WorkerMinUptime     time.Duration `envconfig:"WORKER_MIN_UPTIME" default:"1s" desc:"minimum time between two recycles of a worker after panics"`
	WorkerMaxRestarts   int           `envconfig:"WORKER_MAX_RESTARTS" default:"5" desc:"restarts of a worker within WORKER_RESTART_WINDOW without backoff"`
	WorkerRestartWindow time.Duration `envconfig:"WORKER_RESTART_WINDOW" default:"30s" desc:"period in which restarts are counted"`
	WorkerStallAfter    time.Duration `envconfig:"WORKER_STALL_AFTER" default:"60s" desc:"time without progress after which a worker or request counts as stuck and the worker is replaced"`
	WorkerAbandonLimit  int           `envconfig:"WORKER_ABANDON_LIMIT" default:"4" desc:"abandoned generations alive at the same time before the process gives up"`

	// How the process shuts down.
	ShutdownDelay   time.Duration `envconfig:"SHUTDOWN_DELAY" default:"0s" min:"0" desc:"how long new connections are accepted after SIGTERM, so that load balancers can react"`
	ShutdownSpread  time.Duration `envconfig:"SHUTDOWN_SPREAD" default:"2s" min:"0" desc:"period over which WebSocket clients are told to reconnect"`
	ShutdownTimeout time.Duration `envconfig:"SHUTDOWN_TIMEOUT" default:"25s" desc:"how long requests may take to finish before their connections are closed"`

	// Timeouts of a connection.
	ReadTimeout  time.Duration `envconfig:"READ_TIMEOUT" default:"10s" desc:"timeout for reading a whole request; six times that while it arrives at 1 KB/s or more; less than WORKER_STALL_AFTER"`
	WriteTimeout time.Duration `envconfig:"WRITE_TIMEOUT" default:"30s" desc:"how long a write to a client may make no progress; a client that made writes wait for longer must have taken 2 KiB per second on average"`
	IdleTimeout  time.Duration `envconfig:"IDLE_TIMEOUT" default:"120s" desc:"how long a keep-alive connection may wait for its next request; longer than the proxy in front keeps idle connections"`

	// Limits for clients. RateBurst is never 0.
	MaxConnections           int `envconfig:"MAX_CONNECTIONS" default:"50000" desc:"open connections of the process"`
	MaxConnectionsPerAddress int `envconfig:"MAX_CONNECTIONS_PER_ADDRESS" default:"20000" desc:"open connections per client address"`
	RateLimit                int `envconfig:"RATE_LIMIT" default:"100000" desc:"requests per second per client address"`
	RateBurst                int `envconfig:"RATE_BURST" default:"0" computed:"RATE_LIMIT" min:"0" desc:"burst of requests per client address; 0 means RATE_LIMIT"`
	KeyRateLimit             int `envconfig:"KEY_RATE_LIMIT" default:"100000" desc:"requests per second per API key"`

	// Limits for requests and for the ingest queue.
	MaxHeaderBytes      Bytes         `envconfig:"MAX_HEADER_BYTES" default:"16Ki" desc:"size of a request header with its request line; beyond that, requests get 431"`
	MaxBodyBytes        Bytes         `envconfig:"MAX_BODY_BYTES" default:"4Mi" desc:"size of a request body as sent"`
	MaxUnpackedBytes    Bytes         `envconfig:"MAX_UNPACKED_BYTES" default:"32Mi" desc:"size of a request body after decompression"`
	MaxPointsPerRequest int           `envconfig:"MAX_POINTS_PER_REQUEST" default:"50000" desc:"readings per request"`
	MaxSeries           int           `envconfig:"MAX_SERIES" default:"100000" desc:"machine-metric pairs in the store"`
	MaxSeriesPerKey     int           `envconfig:"MAX_SERIES_PER_KEY" default:"0" computed:"half of MAX_SERIES" min:"0" desc:"machine-metric pairs that telemetry with one API key may add while the server runs; with one key in API_KEYS, MAX_SERIES"`
	MaxSeriesPerMachine int           `envconfig:"MAX_SERIES_PER_MACHINE" default:"10000" desc:"metrics of one machine"`
	IngestQueue         int           `envconfig:"INGEST_QUEUE" default:"200000" desc:"readings that may wait for a commit; beyond that, requests get 503"`
	IngestTimeout       time.Duration `envconfig:"INGEST_TIMEOUT" default:"10s" desc:"how long a request may wait for its commit; less than WORKER_STALL_AFTER"`
	IngestMemory        Bytes         `envconfig:"INGEST_MEMORY" default:"256Mi" desc:"memory for request bodies in progress, and the same again for history responses; in a small container a quarter of its memory; beyond that, requests get 503"`

	// Sessions of clients: WebSockets, Socket.IO, Server-Sent Events.
	RealtimeInterval  time.Duration `envconfig:"REALTIME_INTERVAL" default:"100ms" desc:"period over which telemetry is batched for each room"`
	MaxRoomsPerSocket int           `envconfig:"MAX_ROOMS_PER_SOCKET" default:"1000" desc:"rooms that one session may subscribe to"`
	MaxSockets        int           `envconfig:"MAX_SOCKETS" default:"40000" desc:"sessions (WebSocket, Socket.IO, event streams) of the process"`
	MaxSocketsPerAddr int           `envconfig:"MAX_SOCKETS_PER_ADDRESS" default:"20000" desc:"sessions per client address"`
	MaxSocketsPerKey  int           `envconfig:"MAX_SOCKETS_PER_KEY" default:"20000" desc:"sessions per API key"`
	UpgradeRate       int           `envconfig:"UPGRADE_RATE" default:"2000" desc:"new sessions per second; beyond that, requests get 503"`
	WSQueueBytes      Bytes         `envconfig:"WS_QUEUE_BYTES" default:"4Mi" desc:"bytes queued for one client before it is disconnected as too slow; a snapshot of 10000 metrics takes 1Mi"`
	WSCompression     bool          `envconfig:"WS_COMPRESSION" default:"false" desc:"accept permessage-deflate: less traffic, more CPU"`
	SessionMemory     Bytes         `envconfig:"SESSION_MEMORY" default:"0" computed:"a quarter of the memory limit" min:"0" desc:"memory that all sessions may hold, with what waits to be sent and received; beyond that, those that hold most are closed with 1013; 1Gi without a memory limit"`
	MaxPayload        Bytes         `envconfig:"MAX_PAYLOAD" default:"1Mi" desc:"size of a message from a client of a session"`
	PingInterval      time.Duration `envconfig:"PING_INTERVAL" default:"25s" desc:"time between pings to a client; less than WORKER_STALL_AFTER"`
	PingTimeout       time.Duration `envconfig:"PING_TIMEOUT" default:"20s" desc:"how long a Socket.IO client may take to answer a ping"`

	inputs     map[string]input // by name; empty unless Load made the Config
	runtimeDir string           // XDG_RUNTIME_DIR
}

// IsDefault reports whether the variable was not set.
func (c Config) IsDefault(variable string) bool {
	in, known := c.inputs[variable]
	return !known || in.source == FromDefault
}

// Production reports whether NODE_ENV is production.
func (c Config) Production() bool { return c.Environment == "production" }

// TLS reports whether the server uses TLS.
func (c Config) TLS() bool { return c.TLSCertFile != "" }

// Alertmanagers returns the URLs of ALERTMANAGER_URL.
func (c Config) Alertmanagers() (urls []string) {
	for text := range strings.SplitSeq(c.AlertmanagerURL.Reveal(), ",") {
		if text = strings.TrimSpace(text); text != "" {
			urls = append(urls, text)
		}
	}
	return urls
}

// PostgresURL returns the PostgreSQL connection string; ok is false if the
// embedded database is configured.
func (c Config) PostgresURL() (connection string, ok bool) {
	connection = c.DatabaseURL.Reveal()
	return connection, strings.HasPrefix(connection, "postgres://") || strings.HasPrefix(connection, "postgresql://")
}

// SQLitePath returns the file of the embedded database. It has no meaning if
// PostgreSQL is configured.
func (c Config) SQLitePath() string {
	if u, err := url.Parse(c.DatabaseURL.Reveal()); err == nil && u.Path != "" {
		return u.Path
	}
	return filepath.Join(c.DataDir, "smart-factory.db")
}

// ControlSocketFor returns the path of the control socket of the process that
// listens on port, which the caller must know if Port is 0.
func (c Config) ControlSocketFor(port int) string {
	if c.ControlSocket != "" {
		return c.ControlSocket
	}
	return c.DefaultControlSocket(port)
}

// DefaultControlSocket returns what ControlSocketFor returns without
// CONTROL_SOCKET: a path in a directory in which no other user can create files,
// XDG_RUNTIME_DIR or else DATA_DIR.
func (c Config) DefaultControlSocket(port int) string {
	dir := c.DataDir
	if filepath.IsAbs(c.runtimeDir) {
		dir = c.runtimeDir
	}
	return filepath.Join(dir, "smart-factory-backend-"+strconv.Itoa(port)+".sock")
}
