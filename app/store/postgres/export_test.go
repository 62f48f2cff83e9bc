package postgres

import (
	"context"
	"io/fs"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// Tuning has the unexported fields of Options. Zero means the default.
type Tuning struct {
	PollInterval, MaintenanceInterval, RollupInterval, StartTimeout time.Duration
	Now                                                             func() time.Time
	AroundCommit                                                    func(commit func() error) error
	Committers, GroupReadings                                       int
}

// WithTuning returns o with the fields of t.
func (o Options) WithTuning(t Tuning) Options {
	o.pollInterval, o.maintenanceInterval, o.rollupInterval, o.StartTimeout = t.PollInterval, t.MaintenanceInterval, t.RollupInterval, t.StartTimeout
	o.now, o.aroundCommit, o.committers, o.groupReadings = t.Now, t.AroundCommit, t.Committers, t.GroupReadings
	return o
}

// RunMaintenance does maintenance, whether or not the store is the leader, until
// no task is left.
func (s *Store) RunMaintenance(ctx context.Context) error {
	return withConn(ctx, s.options, func(conn *pgx.Conn) error { return s.maintainUntilDone(ctx, conn) })
}

func (s *Store) maintainUntilDone(ctx context.Context, conn *pgx.Conn) error {
	s.leader.round.Lock()
	defer s.leader.round.Unlock()
	m := &maintenanceState{}
	m.rollups.ignoreActivity = true
	err := s.extendEligible(ctx, conn, &m.rollups)
	for isRetryable(err) { // the lock timed out behind an append
		err = s.extendEligible(ctx, conn, &m.rollups)
	}
	if err != nil {
		return err
	}
	for more := true; more; { // a round has a time budget for rollups
		err := s.runMaintenance(ctx, conn, m)
		for isRetryable(err) { // the leader would retry in its next round
			err = s.runMaintenance(ctx, conn, m)
		}
		if err != nil {
			return err
		}
		err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM reading_partition WHERE sweep_series IS NOT NULL)").Scan(&more)
		if err != nil {
			return err
		}
	}
	return nil
}

// MaintenanceRounds returns the number of rounds that the store has completed as
// the leader.
func (s *Store) MaintenanceRounds() int {
	s.leader.round.Lock()
	defer s.leader.round.Unlock()
	return s.leader.round.completed
}

// HoldRegistryLock holds the registry lock shared, as an append does, calls held,
// and returns when two sessions wait for the lock.
func (s *Store) HoldRegistryLock(ctx context.Context, held func()) error {
	return withConn(ctx, s.options, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock_shared("+lockKeySQL(lockRegistry)+")"); err != nil {
			return err
		}
		held()
		for waiting := 0; waiting < 2; {
			err := conn.QueryRow(ctx, `
				SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
				AND classid::bigint << 32 | objid::bigint = `+lockKeySQL(lockRegistry)).Scan(&waiting)
			if err != nil {
				return err
			}
		}
		return nil // closing the connection releases the lock
	})
}

// Exec runs a statement on a connection of the store.
func (s *Store) Exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.writePool.Exec(ctx, sql, args...)
	return err
}

// QueryInt runs a query that returns one number.
func (s *Store) QueryInt(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = s.writePool.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

// LeaderPID returns the id of the server process that holds the leader's lock, or
// 0.
func (s *Store) LeaderPID(ctx context.Context) (pid int64, err error) {
	return s.QueryInt(ctx, `
		SELECT coalesce(max(pid), 0) FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND ((classid::bigint << 32) | objid::bigint) = `+lockKeySQL(lockLeader))
}

// Span is a partition.
type Span struct{ Start, End int64 }

// PlanPartitions returns the partitions that the store would create for readings
// of the given times, in that order.
func PlanPartitions(times []int64, now int64) (spans []Span) {
	var l layout
	for _, at := range times {
		if !l.covers(at) {
			l = l.insert(l.newPartition(at, now))
		}
	}
	for _, p := range l {
		spans = append(spans, Span{p.start, p.end})
	}
	return spans
}

// TableName returns the name of the table of a partition.
func TableName(s Span) string { return partition{s.Start, s.End}.name() }

// Windows splits [from, to) into what one statement reads.
func Windows(partitions []Span, from, to int64, backward bool) (spans []Span) {
	var l layout
	for _, p := range partitions {
		l = append(l, partition{p.Start, p.End})
	}
	windows := l.windows
	if backward {
		windows = l.windowsBackward
	}
	for from, to := range windows(from, to) {
		spans = append(spans, Span{from, to})
	}
	return spans
}

const MaxWindowPartitions = maxWindowPartitions

// Migrations returns the names of the migrations in files.
func Migrations(files fs.FS) (names []string, err error) {
	all, err := migrations(files)
	for _, m := range all {
		names = append(names, m.name)
	}
	return names, err
}

// MigrateTo migrates an empty database to a version, as an older release would.
func MigrateTo(ctx context.Context, o Options, version int) error {
	all, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	return withConn(ctx, o, func(conn *pgx.Conn) error {
		_, _, err := migrate(ctx, conn, all[:version])
		return err
	})
}

// ExecOn runs a statement on a new connection.
func ExecOn(ctx context.Context, o Options, sql string, args ...any) error {
	return withConn(ctx, o, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

func withConn(ctx context.Context, o Options, f func(*pgx.Conn) error) error {
	o = o.withDefaults()
	config, err := o.connConfig()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn, responseGrace)
	return f(conn)
}

// EncodeMinutes and DecodeMinutes encode and decode the minutes of a rollup.
func EncodeMinutes(start int64, minutes []factory.Summary) []byte {
	return encodeMinutes(start, minutes)
}

func DecodeMinutes(start int64, data []byte) ([]factory.Summary, bool) {
	return decodeMinutes(start, data)
}

// EmbeddedMigrations are the migrations of this release.
var EmbeddedMigrations fs.FS = migrationFiles

// Row is a row of a batch.
type Row struct {
	Series, At int64
	Value      float64
}

// BuildBatch returns what a commit of the readings writes: all rows, and the
// newest row of each series.
func BuildBatch(readings []Row) (rows, newest []Row) {
	r := &request{}
	for i, reading := range readings {
		r.entries = append(r.entries, entry{
			series: &series{id: reading.Series}, index: i,
			point: factory.Point{ObservedAt: reading.At, Value: reading.Value},
		})
	}
	var b batch
	b.fill([]*request{r})
	for _, r := range b.rows {
		rows = append(rows, Row{r.series, r.at, r.value})
	}
	for _, r := range b.newest {
		newest = append(newest, Row{r.series, r.at, r.value})
	}
	return rows, newest
}
