package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"smart-factory-backend/app/store"
)

const (
	walSuffix = "-wal"
	shmSuffix = "-shm"
	// queryDrainTimeout is how long a restore waits for running queries.
	queryDrainTimeout = 5 * time.Second
)

var (
	// errWALMissing: the write-ahead log was deleted.
	errWALMissing = errors.New("the write-ahead log of the database was deleted")
	// errQueriesRunning: queries did not end within queryDrainTimeout.
	errQueriesRunning = errors.New("running queries use the write-ahead log")
	errBackupRunning  = errors.New("cannot restore the database file during a backup")
)

// checkFilesLocked returns an error if the database file or its write-ahead
// log is no longer in place. Writes would be lost when the process ends. The
// connections stay open, because they still have the whole content.
func (w *writer) checkFilesLocked() error {
	err := w.file.check()
	if err == nil && w.wal != nil {
		info, statErr := os.Stat(w.file.path + walSuffix)
		if statErr != nil || !os.SameFile(info, w.wal) {
			err = errWALMissing
		}
	}
	if err == nil {
		w.missingSince = time.Time{}
		return nil
	}
	if w.missingSince.IsZero() {
		w.missingSince = time.Now()
	}
	w.onMissing() // the sealer may restore it
	return err
}

// restoreBeforeClose is restoreDeletedLocked without the waiting time.
func (z *sealer) restoreBeforeClose() (err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	defer store.RecoverAs(&err)
	z.options.restoreAfter = 0
	return z.restoreDeletedLocked()
}

// restoreDeletedLocked writes a new database file after the old one was
// deleted while the store was open, once restoreAfter has passed. The
// connections that have the deleted file open still have its content. A
// different file at the path is left alone.
func (z *sealer) restoreDeletedLocked() error {
	w := z.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	gone := w.checkFilesLocked()
	if gone == nil {
		return nil
	}
	if errors.Is(gone, errReplaced) || w.anchor == nil || time.Since(w.missingSince) < z.options.restoreAfter {
		return gone
	}
	// The last connection to close deletes the log by its name, so all must be
	// closed before new files have these names.
	if !z.backups.TryLock() {
		return errBackupRunning
	}
	defer z.backups.Unlock()
	if !z.readers.drain(queryDrainTimeout) {
		return fmt.Errorf("restore the database file: %w", errQueriesRunning)
	}
	defer z.readers.refill()
	if err := z.rewriteFileLocked(); err != nil {
		return fmt.Errorf("restore the database file: %w", err)
	}
	z.maintenance.report(store.Event{Kind: EventRestored, Err: gone})
	return nil
}

// rewriteFileLocked copies the content that the anchor sees to a new file and
// opens that. The caller holds the locks of sealer and writer and has closed
// all other connections.
func (z *sealer) rewriteFileLocked() error {
	w := z.writer
	path := w.file.path
	copied := path + ".restored"
	if err := os.Remove(copied); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := w.anchor.execOnceContext(context.Background(), "VACUUM INTO ?", copied); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(copied, 0o640), syncFile(copied)); err != nil {
		return err
	}
	z.closeConnLocked()
	_ = w.disconnectLocked()
	for _, suffix := range []string{walSuffix, shmSuffix} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(copied, path); err != nil {
		return err
	}
	if err := syncFile(filepath.Dir(path)); err != nil {
		return err
	}
	if err := w.file.create(); err != nil {
		return err
	}
	c, err := openWriter(w.file)
	if err != nil {
		return err
	}
	if err := useWAL(c); err != nil {
		return errors.Join(err, c.close())
	}
	w.conn, w.missingSince = c, time.Time{}
	return w.connectLocked()
}
