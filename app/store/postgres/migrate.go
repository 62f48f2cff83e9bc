package postgres

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations
var migrationFiles embed.FS

// migration is one step of the schema. Those that a release has shipped are
// never changed; what has to change is a further one.
type migration struct {
	version int
	name    string // of the file, without the extension
	sql     string
}

// sum tells the texts of migrations apart.
func (m migration) checksum() string {
	sum := sha256.Sum256([]byte(m.sql))
	return hex.EncodeToString(sum[:])
}

// migrations returns all of them in order. Their files are named by number
// from 1 on, without a gap.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(names))
	for _, file := range names { // Glob sorts
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(all)+1 {
			return nil, fmt.Errorf("migration %q is not number %d", name, len(all)+1)
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, name, string(text)})
	}
	return all, nil
}

// Migrate brings the schema of the database at o.URL up to date and returns
// its versions before and after; 0 is an empty one. Several processes may do
// so at once, while others use the database: one works, the others wait and
// find it done. All of it happens or nothing. Open does the same.
func Migrate(ctx context.Context, o Options) (before, after int64, err error) {
	if err := o.validate(); err != nil {
		return 0, 0, fmt.Errorf("options of the PostgreSQL store: %w", err)
	}
	o = o.withDefaults()
	config, err := o.connConfig()
	if err != nil {
		return 0, 0, err
	}
	conn, err := o.connectWithRetry(ctx, config, o.startWithin)
	if err != nil {
		return 0, 0, err
	}
	defer closeConn(ctx, conn, o.ConnectTimeout)
	all, err := migrations(migrationFiles)
	if err != nil {
		return 0, 0, err
	}
	return migrate(ctx, conn, all)
}

// migrate applies what is missing of all, in one transaction.
func migrate(ctx context.Context, conn *pgx.Conn, all []migration) (before, after int64, err error) {
	if err := checkServer(ctx, conn); err != nil {
		return 0, 0, err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Whoever comes second waits here for the first one's commit, which may
		// take its time.
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKeySQL(lockMigrate)+")"); err != nil {
			return err
		}
		present, err := appliedMigrations(ctx, tx)
		if err != nil {
			return err
		}
		if err := checkApplied(present, all); err != nil {
			return err
		}
		before, after = int64(len(present)), int64(len(all))
		for _, m := range all[len(present):] {
			if _, err := tx.Exec(ctx, m.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO schema_migration (version, name, sum) VALUES ($1, $2, $3)", m.version, m.name, m.checksum()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("migrate the database: %w", err)
	}
	return before, after, nil
}

// suits checks what the engine relies on.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var number int
	var release, encoding string
	var schema *string
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_version'),
			current_setting('server_encoding'), current_schema()`).Scan(&number, &release, &encoding, &schema)
	switch {
	case err != nil:
		return fmt.Errorf("ask the server what it is: %w", err)
	case number < minServerVersion:
		return fmt.Errorf("%w: server %s, want %d or newer", ErrOldServer, release, minServerVersion/10_000)
	case encoding != "UTF8":
		return fmt.Errorf("%w: %s", ErrEncoding, encoding)
	case schema == nil:
		return fmt.Errorf("the search path %q names no schema that exists", conn.Config().RuntimeParams["search_path"])
	}
	return nil
}

// oldestServer is the oldest release that is tested with its planner's way of
// reading partitions in order.
const minServerVersion = 14_00_00

// appliedMigrations returns the sums of what was applied, in order.
func appliedMigrations(ctx context.Context, tx pgx.Tx) (sums []string, err error) {
	_, err = tx.Exec(ctx, `
		CREATE TABLE IF NOT EXISTS schema_migration (
			version    int PRIMARY KEY,
			name       text NOT NULL,
			sum        text NOT NULL,
			applied_at timestamptz NOT NULL DEFAULT now()
		)`)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, "SELECT version, sum FROM schema_migration ORDER BY version")
	if err != nil {
		return nil, err
	}
	var version int
	var sum string
	_, err = pgx.ForEachRow(rows, []any{&version, &sum}, func() error {
		if version != len(sums)+1 {
			return fmt.Errorf("%w: migration %d is missing", ErrForeignSchema, len(sums)+1)
		}
		sums = append(sums, sum)
		return nil
	})
	return sums, err
}

// compare checks that what is applied is the beginning of all.
func checkApplied(present []string, all []migration) error {
	if len(present) > len(all) {
		return fmt.Errorf("%w: it has %d migrations, this release knows %d", ErrNewerSchema, len(present), len(all))
	}
	var errs []error
	for i, sum := range present {
		if sum != all[i].checksum() {
			errs = append(errs, fmt.Errorf("%w: migration %s has another text", ErrForeignSchema, all[i].name))
		}
	}
	return errors.Join(errs...)
}
