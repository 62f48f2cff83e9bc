package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Advisory locks. The key of each is hashed from this number and the name of
// the schema, so that stores in different schemas of one database do not block
// each other. The numbers are shared with earlier releases.
const (
	lockRegistry   = iota // shared: append readings; exclusive: change the registry, drop a partition
	lockLeader            // held by the leader's connection
	lockMigrate           // apply migrations
	lockPartitions        // create or drop partitions
	lockRollup            // build rollups or delete readings
	lockJournal           // append events, change documents
	lockLead              // held by the connection of who leads
)

// lockKeySQL returns the SQL expression for the key of a lock.
func lockKeySQL(lock int) string {
	return "hashtextextended('smart-factory-backend/' || current_schema(), " + strconv.Itoa(lock) + ")"
}

// lockExclusive takes locks in the given order until the end of tx.
func lockExclusive(ctx context.Context, tx pgx.Tx, locks ...int) error {
	for _, lock := range locks {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+lockKeySQL(lock)+")"); err != nil {
			return err
		}
	}
	return nil
}

// lockExclusiveWithin is lockExclusive with a limit on the wait for each lock.
// The limit applies to all later statements of tx as well.
func lockExclusiveWithin(ctx context.Context, tx pgx.Tx, timeout time.Duration, locks ...int) error {
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", timeout.Milliseconds())); err != nil {
		return err
	}
	return lockExclusive(ctx, tx, locks...)
}
