package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Advisory locks, each a number that is mixed into the schema's name, so that
// two plants in two schemas of one database don't wait for each other.
const (
	lockRegistry   = iota // shared: appends readings; alone: changes the catalog
	lockLeader            // held by the connection of the replica that leads
	lockMigrate           // migrates
	lockPartitions        // makes or drops partitions
	lockRollup            // makes rollups, or deletes readings
)

// lockKey is the SQL expression of a lock's key.
func lockKeySQL(lock int) string {
	return "hashtextextended('smart-factory-backend/' || current_schema(), " + strconv.Itoa(lock) + ")"
}

// silence is how much longer than the server the store waits for a statement
// to end: past that the connection is given up.
const responseGrace = 2 * time.Second

// connConfig is how every connection is made.
func (o *Options) connConfig() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	o.configureConn(config)
	return config, nil
}

// adjust sets what the URL leaves open, and what must be as it is.
func (o *Options) configureConn(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 || config.ConnectTimeout > o.ConnectTimeout {
		config.ConnectTimeout = o.ConnectTimeout
	}
	config.DialFunc = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	millis := func(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
	p := config.RuntimeParams
	if p["application_name"] == "" {
		p["application_name"] = "smart-factory-backend"
	}
	p["statement_timeout"] = millis(o.StatementTimeout)
	p["lock_timeout"] = millis(min(o.StatementTimeout, 5*time.Second))
	// What a process that hangs holds is free again after a while.
	p["idle_in_transaction_session_timeout"] = millis(3 * o.StatementTimeout)
	// The server learns of a replica's death soon, for another one to lead.
	p["tcp_keepalives_idle"], p["tcp_keepalives_interval"], p["tcp_keepalives_count"] = "10", "5", "3"
	// Statements see what was committed before they began; the guard relies on it.
	p["default_transaction_isolation"] = "read committed"
	// All statements are short or read an index in order.
	p["jit"] = "off"
	p["max_parallel_workers_per_gather"] = "0"
	// A plan made for the times at hand locks only the partitions that it reads.
	p["plan_cache_mode"] = "force_custom_plan"
}

// connectWithin connects, again and again for as long as within where the
// server is not there yet.
func (o *Options) connectWithRetry(ctx context.Context, config *pgx.ConnConfig, within time.Duration) (*pgx.Conn, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	retry := time.NewTicker(200 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			if err = requireSynchronousCommit(ctx, conn); err == nil {
				return conn, nil
			}
			closeConn(ctx, conn, o.ConnectTimeout)
		}
		if code := sqlState(err); code != "" && code != codeStarting && code != codeTooManyConns {
			return nil, fmt.Errorf("connect to the database: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to the database: %w", ctx.Err())
		case <-deadline.C:
			return nil, fmt.Errorf("connect to the database: %w", err)
		case <-retry.C:
		}
	}
}

// keepSynchronous is called for each new connection: a commit must be on the
// disk when it is acknowledged, whatever the server's default is. Stronger
// settings than "on" stay.
func requireSynchronousCommit(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
		SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') IN ('off', 'local')`)
	return err
}

// inIndexOrder has the planner follow an index wherever one gives the order
// that is asked for. Of a partition that was never analyzed it knows nothing,
// and would rather sort all of it for each piece that is read.
func forceIndexOrder(p map[string]string) {
	for _, way := range disabledPlanNodes {
		p[way] = "off"
	}
}

// ways are those of answering a query that inIndexOrder forbids.
var disabledPlanNodes = [...]string{"enable_seqscan", "enable_bitmapscan", "enable_sort"}

// newPool makes a pool of at most so many connections, whose settings change
// may change; it connects to nothing.
func (o *Options) newPool(ctx context.Context, conns int, change func(map[string]string)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	o.configureConn(config.ConnConfig)
	if change != nil {
		change(config.ConnConfig.RuntimeParams)
	}
	config.MaxConns = int32(min(conns, 10_000))
	config.MinConns, config.MinIdleConns = 0, 0
	config.MaxConnIdleTime = 5 * time.Minute
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.HealthCheckPeriod = 30 * time.Second
	config.PingTimeout = o.ConnectTimeout
	config.AfterConnect = requireSynchronousCommit
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	return pool, nil
}

// closeConn ends a connection in an orderly way if that is quick.
func closeConn(ctx context.Context, conn *pgx.Conn, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	_ = conn.Close(ctx) // whatever becomes of the farewell, the socket is closed
}

// bounded is ctx for one statement.
func (o *Options) statementContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, o.StatementTimeout+responseGrace)
}
