package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

const (
	// checkRows is the number of chunks between two pauses.
	checkRows = 64
	// checkPauseFactor is the length of a pause relative to the work before
	// it.
	checkPauseFactor = 3
	// fullCheckMaxBytes is the size up to which SQLite checks the structure of
	// the whole file. In a larger file it checks only the small tables,
	// because the write-ahead log cannot be reset during its check.
	fullCheckMaxBytes = 64 << 20
)

// setInUse records in the file whether a store has it open.
const setInUse = "INSERT OR REPLACE INTO state (name, value) VALUES ('in use', ?)"

// wasClosed reports whether the previous store was closed, or there was none.
func wasClosed(c *conn) (bool, error) {
	marked, err := c.queryInt("SELECT count(*) FROM state WHERE name = 'in use' AND value = 1")
	return marked == 0, err
}

// markClean records in the file that the store was closed, unless something is
// wrong with it. It does not sync; closing the connections moves the mark to
// the disk with the write-ahead log.
func (s *Store) markClean() error {
	if s.faults.Get(faultCommit) != nil || s.checker.state() == factory.IntegrityChecking {
		return nil // the next start checks the file
	}
	return s.writer.withoutTransaction(func(c *conn) error {
		if s.writer.needsInUseMark {
			return nil
		}
		return errors.Join(c.execOnce("PRAGMA synchronous = NORMAL"), c.exec(setInUse, asFlag(false)))
	})
}

// checker checks every chunk and the structure of the file in the background
// after an unclean stop.
type checker struct {
	file    *databaseFile
	readers *readPool
	sealer  *sealer
	outcome atomic.Pointer[factory.Integrity]
}

func (k *checker) state() factory.Integrity {
	if outcome := k.outcome.Load(); outcome != nil {
		return *outcome
	}
	return factory.IntegrityUnchecked
}

func (k *checker) set(outcome factory.Integrity) { k.outcome.Store(&outcome) }

// run checks the file if scheduled. It returns early if stop is closed.
func (k *checker) run(stop <-chan struct{}) {
	if k.state() != factory.IntegrityChecking {
		return
	}
	u := &k.sealer.maintenance
	u.report(store.Event{Kind: EventUnclean})
	done, found := k.check(stop)
	if !done {
		return
	}
	outcome := factory.IntegrityGood
	if found != nil {
		outcome = factory.IntegrityDamaged
	}
	k.set(outcome)
	u.report(store.Event{Kind: EventChecked, Err: found})
}

// check returns the first finding, if any. done is false if stop was closed
// before the end.
func (k *checker) check(stop <-chan struct{}) (done bool, found error) {
	defer store.RecoverAs(&found)
	done = true
	found = k.withReader(k.checkStructure)
	last := int64(0)
	for {
		start := time.Now()
		id := last
		damage := k.withReader(func(c *conn) (err error) {
			id, err = k.checkChunks(c, last)
			return err
		})
		if found == nil {
			found = damage
		}
		if id == last {
			return true, found
		}
		last = id
		pause := time.NewTimer(checkPauseFactor * time.Since(start))
		select {
		case <-stop:
			pause.Stop()
			return false, nil
		case <-pause.C:
		}
	}
}

// withReader runs fn on a connection of the pool.
func (k *checker) withReader(fn func(*conn) error) error {
	c, err := k.readers.get(context.Background())
	if err != nil {
		return err
	}
	err = fn(c)
	k.readers.put(c, err != nil)
	return err
}

// checkStructure lets SQLite check its pages.
func (k *checker) checkStructure(c *conn) error {
	queries := []string{"PRAGMA quick_check(1)"}
	if info, err := os.Stat(k.file.path); err != nil || info.Size() > fullCheckMaxBytes {
		queries = []string{
			"PRAGMA quick_check('series')", "PRAGMA quick_check('machine')", "PRAGMA quick_check('ingest_log')",
			"PRAGMA quick_check('purged')", "PRAGMA quick_check('state')",
		}
	}
	for _, query := range queries {
		err := c.query(query, func(v []driver.Value) error {
			if text := asString(v[0]); text != "ok" {
				return fmt.Errorf("%w: %s", ErrCorrupt, text)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkChunks decodes the next chunks after the id last and reports damaged
// ones to the sealer. It returns the id of the last one, or last at the end.
func (k *checker) checkChunks(c *conn, last int64) (seen int64, damage error) {
	seen = last
	var points []factory.Point
	err := c.query("SELECT id, series_id, n, data FROM chunk WHERE id > ? ORDER BY id LIMIT ?", func(v []driver.Value) (err error) {
		seen = asInt(v[0])
		if points, err = decodeChunk(points[:0], asBytes(v[3])); err == nil && int64(len(points)) != asInt(v[2]) {
			err = fmt.Errorf("%d points, not %d: %w", len(points), asInt(v[2]), ErrCorrupt)
		}
		if err != nil {
			damage = err
			k.sealer.reportDamage(seen, k.keyOf(asInt(v[1])), err)
		}
		return nil
	}, last, int64(checkRows))
	if err != nil {
		// The page is unreadable. Continue after it.
		next, nextErr := c.queryInt("SELECT coalesce(max(id), 0) FROM chunk")
		if nextErr != nil || next <= last {
			return last, errors.Join(damage, err)
		}
		return min(max(seen, last)+checkRows, next), errors.Join(damage, err)
	}
	return seen, damage
}

// keyOf returns the key of the series with the id.
func (k *checker) keyOf(id int64) key {
	for _, s := range k.sealer.catalog.allSeries() {
		if s.id == id {
			return s.key
		}
	}
	return key{}
}
