package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// writer owns the one connection that changes the file. The committer and the
// sealer take turns on it.
type writer struct {
	file         *dbFile
	aroundCommit func(commit func() error) error // see Options

	mu   sync.Mutex
	conn *conn // nil after a failure, until the next transaction
	// suspect: something failed, so there may be parts of the write-ahead log
	// that are read but are not on the disk.
	suspect bool
	// wal is the file of the write-ahead log of conn, once there is one. lost is
	// since when it or the database file is not in its place; onLost hears of it.
	wal    os.FileInfo
	lost   time.Time
	onLost func()
}

// durableCommits has each commit wait for the disk.
const durableCommits = "PRAGMA synchronous = FULL"

// openWriter opens the database file for writing.
func openWriter(file *dbFile) (*conn, error) {
	c, err := openConn(file)
	if err != nil {
		return nil, err
	}
	// Checkpoints are the sealer's work; the limit here is for the case that
	// it cannot keep up.
	for _, pragma := range []string{
		durableCommits,
		"PRAGMA busy_timeout = 5000",
		"PRAGMA wal_autocheckpoint = 8192",
		"PRAGMA journal_size_limit = 67108864",
	} {
		if err := c.once(pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// transact runs fn in a transaction. When it returns nil the transaction is
// durable. After an error it is absent as a rule; but when a sync failed after
// the write, all of it may turn up in the file, so the caller looks before it
// does the work again. A panic in fn becomes an error. After any failure the
// connection is given up and the next call opens a new one, so that a disk
// that has recovered is used again.
func (w *writer) transact(fn func(*conn) error) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.presentLocked(); err != nil {
		return err
	}
	if w.conn == nil {
		if w.conn, err = openWriter(w.file); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			w.giveUpLocked()
		} else if w.wal == nil {
			w.wal, _ = os.Stat(w.file.path + walSuffix)
		}
	}()
	defer recoverAs(&err)
	if err := w.startOverLocked(); err != nil {
		return err
	}
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := fn(w.conn); err != nil {
		return err
	}
	commit := func() error { return w.conn.exec("COMMIT") }
	if w.aroundCommit != nil {
		return w.aroundCommit(commit)
	}
	return commit()
}

// errReadersHold: the write-ahead log can't be started over yet.
var errReadersHold = errors.New("queries hold the write-ahead log")

// startOverLocked begins the write-ahead log anew after a failure. When a sync
// fails, the system forgets the pages that it could not write and still shows
// them to readers; all that is appended behind them would be lost with them in
// a power cut. So what is shown is moved to the database file, which is
// written and synced once more, and the log starts empty.
func (w *writer) startOverLocked() error {
	if !w.suspect {
		return nil
	}
	busy, err := w.conn.queryInt("PRAGMA wal_checkpoint(TRUNCATE)")
	if err != nil {
		return fmt.Errorf("start the write-ahead log over: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("start the write-ahead log over: %w", errReadersHold)
	}
	w.suspect = false
	return nil
}

// alone runs fn on the connection, if there is one, outside of a transaction.
func (w *writer) alone(fn func(*conn) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil || w.suspect {
		return nil
	}
	if err := w.presentLocked(); err != nil {
		return err
	}
	return fn(w.conn)
}

// giveUpLocked closes the connection, which rolls back what is open on it.
// The cause of the failure is what the caller reports, not how this went.
func (w *writer) giveUpLocked() {
	_ = w.conn.exec("ROLLBACK")
	_ = w.conn.close()
	w.conn, w.wal, w.suspect = nil, nil, true
}

// close releases the connection. Nothing is written after it.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	err := w.conn.close()
	w.conn = nil
	return err
}

// vacuum gives up to n free pages back to the file system.
func (w *writer) vacuum(n int) error {
	return w.transact(func(c *conn) error {
		return c.drain("PRAGMA incremental_vacuum(" + strconv.Itoa(n) + ")")
	})
}
