package sqlite

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"smart-factory-backend/app/store"
)

// writer owns the one connection that changes the file. The committer and the
// sealer take turns on it.
type writer struct {
	file         *databaseFile
	aroundCommit func(commit func() error) error // see Options

	mu   sync.Mutex
	conn *conn // nil after a failure, until the next transaction
	// anchor is open as long as the store. SQLite reads the write-ahead log anew
	// when a file has no connection left; it would then find the transaction
	// whose sync has failed, which is seen in the file but not on the disk, and
	// all that came behind it would be lost with it in a power cut. While the
	// anchor is there, such a transaction is no part of the log, and the next
	// one is written over it.
	anchor *conn
	// needsInUseMark: the file does not say yet that it is in use. It does from the
	// first transaction on.
	needsInUseMark bool
	// wal is the file of the write-ahead log that the anchor has open. lost is
	// since when it or the database file is not in its place; onLost hears of it.
	wal          os.FileInfo
	missingSince time.Time
	onMissing    func()
}

// durableCommits has each commit wait for the disk.
const durableCommits = "PRAGMA synchronous = FULL"

// openWriter opens the database file for writing.
func openWriter(file *databaseFile) (*conn, error) {
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
		if err := c.execOnce(pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// openAnchor opens a connection that has the write-ahead log open.
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

// transact runs fn in a transaction. When it returns nil the transaction is
// durable. After an error it is absent as a rule; but it may have taken effect
// all the same, so the caller looks before it does the work again. A panic in
// fn becomes an error. After any failure the connection is given up and the
// next call opens a new one, so that a disk that has recovered is used again.
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

// withoutTransaction runs fn on the connection, if there is one, outside of a transaction.
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

// discardConnLocked closes the connection, which rolls back what is open on it.
// The cause of the failure is what the caller reports, not how this went.
func (w *writer) discardConnLocked() {
	_ = w.conn.exec("ROLLBACK")
	_ = w.conn.close()
	w.conn = nil
}

// connectLocked opens what is not open of the connections.
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

// close releases the connections. Nothing is written after it.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disconnectLocked()
}

// vacuum gives up to n free pages back to the file system.
func (w *writer) vacuum(n int) error {
	return w.transact(func(c *conn) error {
		return c.execDiscard("PRAGMA incremental_vacuum(" + strconv.Itoa(n) + ")")
	})
}
