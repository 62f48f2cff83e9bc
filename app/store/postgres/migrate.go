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

// migration is one step of the schema. A released migration never changes; a
// correction is a new migration.
type migration struct {
	version int
	name    string // of the file, without the extension
	sql     string
}

// checksum identifies the text of the migration.
func (m migration) checksum() string {
	sum := sha256.Sum256([]byte(m.sql))
	return hex.EncodeToString(sum[:])
}

// migrations returns all migrations in order. Their file names begin with
// consecutive numbers from 1.
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

// Migrate applies all pending migrations to the database at o.URL, in one
// transaction, and returns the schema's versions before and after. Version 0 is
// an empty database. Several processes may call it at once while others use the
// database; all but one then find nothing to do. Open calls Migrate.
func Migrate(ctx context.Context, o Options) (before, after int64, err error) {
	if err := o.validate(); err != nil {
		return 0, 0, fmt.Errorf("options of the PostgreSQL store: %w", err)
	}
	o = o.withDefaults()
	config, err := o.connConfig()
	if err != nil {
		return 0, 0, err
	}
	conn, err := o.connectWithRetry(ctx, config, o.StartTimeout)
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

// migrate applies the migrations of all that are pending, in one transaction.
func migrate(ctx context.Context, conn *pgx.Conn, all []migration) (before, after int64, err error) {
	if err := checkServer(ctx, conn); err != nil {
		return 0, 0, err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Another process may hold the lock for as long as its migration takes.
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		if err := lockExclusive(ctx, tx, lockMigrate); err != nil {
			return err
		}
		applied, err := appliedMigrations(ctx, tx)
		if err != nil {
			return err
		}
		if err := checkApplied(applied, all); err != nil {
			return err
		}
		before, after = int64(len(applied)), int64(len(all))
		for _, m := range all[len(applied):] {
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

// checkServer checks that the server and the database can be used.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	var number int
	var release, encoding string
	var schema *string
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_version'),
			current_setting('server_encoding'), current_schema()`).Scan(&number, &release, &encoding, &schema)
	switch {
	case err != nil:
		return fmt.Errorf("query the server version: %w", err)
	case number < minServerVersion:
		return fmt.Errorf("%w: server %s, want %d or newer", ErrOldServer, release, minServerVersion/10_000)
	case encoding != "UTF8":
		return fmt.Errorf("%w: %s", ErrEncoding, encoding)
	case schema == nil:
		return fmt.Errorf("the search path %q names no schema that exists", conn.Config().RuntimeParams["search_path"])
	}
	return nil
}

// minServerVersion is the oldest release whose planner is tested to read
// partitions in index order.
const minServerVersion = 14_00_00

// appliedMigrations returns the checksums of the applied migrations, in order.
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

// checkApplied checks that the applied migrations are the first ones of all.
func checkApplied(applied []string, all []migration) error {
	if len(applied) > len(all) {
		return fmt.Errorf("%w: it has %d migrations, this release knows %d", ErrNewerSchema, len(applied), len(all))
	}
	var errs []error
	for i, sum := range applied {
		if sum != all[i].checksum() {
			errs = append(errs, fmt.Errorf("%w: migration %s has a different text", ErrForeignSchema, all[i].name))
		}
	}
	return errors.Join(errs...)
}
