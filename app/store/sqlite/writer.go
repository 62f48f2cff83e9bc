package sqlite

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"smart-factory-backend/app/store"
)

// writer owns the only connection that changes the file. The committer and the
// sealer share it.
type writer struct {
	file         *databaseFile
	aroundCommit func(commit func() error) error // see Options

	mu   sync.Mutex
	conn *conn // nil after a failure, until the next transaction
	// anchor is a connection that stays open as long as the store. SQLite
	// reads the write-ahead log again when a file has no connection left. It
	// would then accept a transaction whose sync has failed: the system still
	// shows it, but it is not on disk, and a power cut would lose it with
	// everything after it. While the anchor is open, SQLite treats such a
	// transaction as absent and overwrites it.
	anchor *conn
	// needsInUseMark is set until the file says that it is in use, which the
	// first transaction writes.
	needsInUseMark bool
	// wal identifies the write-ahead log that the anchor has open. missingSince
	// is when it or the database file was first found missing; onMissing is
	// called each time.
	wal          os.FileInfo
	missingSince time.Time
	onMissing    func()
}

// durableCommits makes each commit wait for the disk.
const durableCommits = "PRAGMA synchronous = FULL"

// openWriter opens a connection for writing.
func openWriter(file *databaseFile) (*conn, error) {
	// The sealer checkpoints. The limit takes effect if it cannot keep up.
	return openConn(file, durableCommits, busyTimeout, "PRAGMA wal_autocheckpoint = 8192", "PRAGMA journal_size_limit = 67108864",
		"PRAGMA cache_size = -8192")
}

// openAnchor opens a connection and makes it open the write-ahead log.
func openAnchor(file *databaseFile) (*conn, error) {
	c, err := openConn(file)
	if err != nil {
		return nil, err
	}
	if _, err := c.queryInt("SELECT count(*) FROM sqlite_schema"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// transact runs fn in a transaction, which is durable if transact returns nil.
// After an error the transaction is usually absent but may have been
// committed, so the caller must check before it repeats the work. A panic in
// fn becomes an error. After a failure, the next call opens a new connection,
// so that a disk that works again is used again.
func (w *writer) transact(fn func(*conn) error) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.checkFilesLocked(); err != nil {
		return err
	}
	if err := w.connectLocked(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			w.discardConnLocked()
		}
	}()
	defer store.RecoverAs(&err)
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if w.needsInUseMark {
		if err := w.conn.exec(setInUse, asFlag(true)); err != nil {
			return err
		}
	}
	if err := fn(w.conn); err != nil {
		return err
	}
	commit := func() error { return w.conn.exec("COMMIT") }
	if w.aroundCommit != nil {
		err = w.aroundCommit(commit)
	} else {
		err = commit()
	}
	w.needsInUseMark = w.needsInUseMark && err != nil
	return err
}

// withoutTransaction runs fn on the connection, if one is open, outside a
// transaction.
func (w *writer) withoutTransaction(fn func(*conn) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil
	}
	if err := w.checkFilesLocked(); err != nil {
		return err
	}
	return fn(w.conn)
}

// discardConnLocked closes the connection and rolls back its transaction.
// Errors are ignored, since the caller reports the original failure.
func (w *writer) discardConnLocked() {
	_ = w.conn.exec("ROLLBACK")
	_ = w.conn.close()
	w.conn = nil
}

// connectLocked opens the connections that are not open.
func (w *writer) connectLocked() (err error) {
	if w.conn == nil {
		if w.conn, err = openWriter(w.file); err != nil {
			return err
		}
	}
	if w.anchor == nil {
		if w.anchor, err = openAnchor(w.file); err == nil {
			w.wal, _ = os.Stat(w.file.path + walSuffix)
		}
	}
	return err
}

// disconnectLocked closes the connections.
func (w *writer) disconnectLocked() error {
	var errs []error
	for _, c := range []*conn{w.anchor, w.conn} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	w.conn, w.anchor, w.wal = nil, nil, nil
	return errors.Join(errs...)
}

// close closes the connections for good.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disconnectLocked()
}

// vacuum returns up to n free pages to the file system.
func (w *writer) vacuum(n int) error {
	return w.transact(func(c *conn) error {
		return c.execDiscard("PRAGMA incremental_vacuum(" + strconv.Itoa(n) + ")")
	})
}
