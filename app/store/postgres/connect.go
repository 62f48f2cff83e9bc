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

// responseGrace is how long the store waits for the server beyond the timeout
// that the server itself enforces. After that the connection is closed.
const responseGrace = 2 * time.Second

// connConfig returns the configuration of every connection outside the pools.
func (o *Options) connConfig() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	o.configureConn(config)
	return config, nil
}

// configureConn applies the settings that the store requires, and the defaults
// for those that the URL does not set.
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
	// Releases the locks of a replica that hangs in a transaction.
	p["idle_in_transaction_session_timeout"] = millis(3 * o.StatementTimeout)
	// The server notices within 25 s that a replica's machine has died, so that
	// another replica can become the leader.
	p["tcp_keepalives_idle"], p["tcp_keepalives_interval"], p["tcp_keepalives_count"] = "10", "5", "3"
	// Each statement must see what was committed before it began: appends rely on
	// it when they compare the registry's version.
	p["default_transaction_isolation"] = "read committed"
	// Statements are short or read an index in order; neither gains from these.
	p["jit"] = "off"
	p["max_parallel_workers_per_gather"] = "0"
	// A plan for the given times locks only the partitions of that range.
	p["plan_cache_mode"] = "force_custom_plan"
}

// connectWithRetry connects, and retries for up to timeout while the server is
// unreachable, starting, or out of connections.
func (o *Options) connectWithRetry(ctx context.Context, config *pgx.ConnConfig, timeout time.Duration) (*pgx.Conn, error) {
	deadline := time.NewTimer(timeout)
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
			return nil, fmt.Errorf("connect to the database: %w: %w", ErrUnreachable, err)
		case <-retry.C:
		}
	}
}

// requireSynchronousCommit runs on each new connection: a commit must be on
// disk when it is acknowledged, even if the server defaults to less. Settings
// stronger than "on" are left alone.
func requireSynchronousCommit(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
		SELECT set_config('synchronous_commit', 'on', false)
		WHERE current_setting('synchronous_commit') IN ('off', 'local')`)
	return err
}

// forceIndexOrder makes the planner read an index wherever one provides the
// requested order. Without statistics, as in a partition that was never
// analyzed, the planner would sort the whole partition for each chunk.
func forceIndexOrder(params map[string]string) {
	for _, node := range disabledPlanNodes {
		params[node] = "off"
	}
}

// disabledPlanNodes are the planner settings that forceIndexOrder turns off.
var disabledPlanNodes = [...]string{"enable_seqscan", "enable_bitmapscan", "enable_sort"}

// newPool makes a pool of at most maxConns connections. configure, if not nil,
// may change their runtime parameters. newPool itself does not connect.
func (o *Options) newPool(ctx context.Context, maxConns int, configure func(params map[string]string)) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	o.configureConn(config.ConnConfig)
	if configure != nil {
		configure(config.ConnConfig.RuntimeParams)
	}
	config.MaxConns = int32(min(maxConns, 10_000))
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

// closeConn closes a connection. It waits at most timeout for an orderly close,
// even if ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	_ = conn.Close(ctx) // closes the socket even if it returns an error
}

// statementContext returns a context for a single statement.
func (o *Options) statementContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, o.StatementTimeout+responseGrace)
}
