package postgres

import (
	"context"
	"io/fs"
	"time"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// Tuning are the settings of Options that only tests change.
type Tuning struct {
	PollInterval, MaintenanceInterval, RollupInterval, StartTimeout time.Duration
	Now                                                             func() time.Time
	AroundCommit                                                    func(commit func() error) error
	Committers, GroupReadings                                       int
}

// Tuned returns o with the settings of t.
func (o Options) Tuned(t Tuning) Options {
	o.pollEvery, o.upkeepEvery, o.rollEvery, o.startWithin = t.PollInterval, t.MaintenanceInterval, t.RollupInterval, t.StartTimeout
	o.now, o.aroundCommit, o.committers, o.groupReadings = t.Now, t.AroundCommit, t.Committers, t.GroupReadings
	return o
}

// UpkeepNow does a round of upkeep, as the leader would in time.
func (s *Store) RunMaintenance(ctx context.Context) error {
	config, err := s.options.connConfig()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn, responseGrace)
	s.leader.round.Lock()
	defer s.leader.round.Unlock()
	m := &maintenanceState{}
	m.rollups.ignoreActivity = true
	err = s.extendEligible(ctx, conn, &m.rollups)
	for isRetryable(err) { // an append took long
		err = s.extendEligible(ctx, conn, &m.rollups)
	}
	if err != nil {
		return err
	}
	for more := true; more; { // a round makes rollups for a while only
		err := s.runMaintenance(ctx, conn, m)
		for isRetryable(err) { // it waited in vain for who appends; the leader has its next round
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

// Rounds is how many rounds of upkeep the store has done as the leader.
func (s *Store) MaintenanceRounds() int {
	s.leader.round.Lock()
	defer s.leader.round.Unlock()
	return s.leader.round.over
}

// HoldGuard holds the guard, as an append does, while it calls held and until
// two wait to have it alone.
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
		return nil // the connection's end gives it back
	})
}

// Exec runs a statement on the store's own connections.
func (s *Store) Exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.writePool.Exec(ctx, sql, args...)
	return err
}

// QueryInt asks for a number.
func (s *Store) QueryInt(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = s.writePool.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

// LeaderPID is the server's process that holds the leader's lock, 0 for none.
func (s *Store) LeaderPID(ctx context.Context) (pid int64, err error) {
	return s.QueryInt(ctx, `
		SELECT coalesce(max(pid), 0) FROM pg_locks
		WHERE locktype = 'advisory' AND granted AND ((classid::bigint << 32) | objid::bigint) = `+lockKeySQL(lockLeader))
}

// Span is a partition.
type Span struct{ Start, End int64 }

// Plan makes partitions for the times, one after another, as the store would.
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

// TableName is the name of the table of a partition.
func TableName(s Span) string { return partition{s.Start, s.End}.name() }

// Windows cuts a span into what one statement reads, forwards or backwards.
func Windows(partitions []Span, from, to int64, back bool) (spans []Span) {
	var l layout
	for _, p := range partitions {
		l = append(l, partition{p.Start, p.End})
	}
	each := func(from, to int64) bool {
		spans = append(spans, Span{from, to})
		return true
	}
	if back {
		l.eachWindowBackward(from, to, each)
	} else {
		l.eachWindow(from, to, each)
	}
	return spans
}

const MaxWindowPartitions = maxWindowPartitions

// HistoryCursor makes the cursor that continues after a point.
func HistoryCursor(machine, metric string, at int64) string {
	return encodeCursor(historyCursor, position{key{machine, metric}, at})
}

func DecodeHistoryCursor(cursor string) (machine, metric string, at int64, err error) {
	p, err := decodeCursor(historyCursor, cursor)
	return p.machine, p.metric, p.at, err
}

// Migrations returns the names of the migrations in files.
func Migrations(files fs.FS) (names []string, err error) {
	all, err := migrations(files)
	for _, m := range all {
		names = append(names, m.name)
	}
	return names, err
}

// MigrateTo brings an empty database to the version, as an older release would.
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

// ExecOn runs a statement on a connection of its own.
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

// EncodeMinutes and DecodeMinutes are the form of a rollup's minutes.
func EncodeMinutes(start int64, minutes []factory.Summary) []byte {
	return encodeMinutes(start, minutes)
}

func DecodeMinutes(start int64, data []byte) ([]factory.Summary, bool) {
	return decodeMinutes(nil, start, data)
}

// Own are the migrations of this release.
var EmbeddedMigrations fs.FS = migrationFiles

// Row is a row of a batch.
type Row struct {
	Series, At int64
	Value      float64
}

// Batch is what a commit of the readings writes: all rows, and the newest of
// each series.
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
