package app

import (
	"context"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/store/sqlite"
)

// Backup writes a copy of the store that c names to a new file, whether a
// server has it open or not. See factory.Store.
func Backup(ctx context.Context, c config.Config, to string) error {
	return sqlite.Backup(ctx, c.SQLitePath(), to)
}

// Migrate brings the store that c names, which no server may have open, to
// the schema of this release. It returns the versions before and after.
func Migrate(ctx context.Context, c config.Config) (before, after int64, err error) {
	return sqlite.Migrate(ctx, c.SQLitePath())
}
