package server

import (
	"context"
	"errors"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
)

// Backup writes a copy of the store that c names to a new file, whether a
// server has it open or not. See factory.Store.
func Backup(ctx context.Context, c config.Config, to string) error {
	if _, ok := c.PostgresURL(); ok {
		return errors.New("PostgreSQL has its own means: use pg_dump or pg_basebackup")
	}
	return sqlite.Backup(ctx, c.SQLitePath(), to)
}

// Migrate brings the store that c names, which no server may have open unless
// it is PostgreSQL, to the schema of this release. It returns the versions
// before and after.
func Migrate(ctx context.Context, c config.Config) (before, after int64, err error) {
	if _, ok := c.PostgresURL(); ok {
		return postgres.Migrate(ctx, postgresOptions(c))
	}
	return sqlite.Migrate(ctx, c.SQLitePath())
}
