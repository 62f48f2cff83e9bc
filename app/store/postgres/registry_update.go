package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// registryChange says what a transaction did to the registry.
type registryChange int

const (
	unchanged   registryChange = iota
	changed                    // rows were inserted or updated
	rowsRemoved                // rows were deleted, so every replica must reload the registry
)

// inRegistryTransaction runs f in a transaction with exclusive access to the
// registry: no replica changes it or appends meanwhile, and this replica's cache
// is current. f marks the rows that it changes with the version next. If then
// is not nil, it runs in the same transaction once the version is set. After
// the commit the cache includes the change.
func (s *Store) inRegistryTransaction(ctx context.Context,
	f func(ctx context.Context, tx pgx.Tx, next int64) (registryChange, error),
	then func(ctx context.Context, tx pgx.Tx, version int64) error,
) error {
	var change registryChange
	err := s.inTransaction(ctx, s.writePool, readWrite, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockExclusive(ctx, tx, lockRegistry); err != nil {
			return err
		}
		if err := s.registry.load(ctx, tx, false); err != nil {
			return err
		}
		version := s.registry.currentVersion()
		var err error
		if change, err = f(ctx, tx, version+1); err != nil {
			return err
		}
		if change != unchanged {
			version++
			_, err := tx.Exec(ctx, "UPDATE catalog_state SET version = $1, rebuilt = CASE WHEN $2 THEN $1 ELSE rebuilt END", version, change == rowsRemoved)
			if err != nil {
				return err
			}
		}
		if then == nil {
			return nil
		}
		return then(ctx, tx, version)
	})
	if err != nil || change == unchanged {
		return err
	}
	// The change is committed, so an error here does not matter: a stale cache is
	// refreshed before it is relied on.
	_ = s.registry.refresh(ctx, s)
	return nil
}
