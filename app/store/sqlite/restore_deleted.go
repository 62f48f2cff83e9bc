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
	// queryDrainTimeout is how long queries may hold up a restore.
	queryDrainTimeout = 5 * time.Second
)

var (
	// errWALMissing: the write-ahead log was deleted.
	errWALMissing = errors.New("the write-ahead log of the database is gone")
	// errQueriesRunning: queries did not end in time.
	errQueriesRunning = errors.New("queries hold the write-ahead log")
	errBackupRunning  = errors.New("the database file can't be restored during a backup")
)

// checkFilesLocked reports an error when the database file or its write-ahead log
// is not in its place any more: what is written then would be lost with the
// process. The connections are kept, as they still have all of the content.
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

// restoreBeforeClose is restoreLocked for the end of the store, when nothing is waited
// for any more.
func (z *sealer) restoreBeforeClose() (err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	defer store.RecoverAs(&err)
	z.options.restoreAfter = 0
	return z.restoreDeletedLocked()
}

// restoreDeletedLocked writes a file anew that was deleted under the store, once it
// has had time to be put back. The content is still there: in the connections
// that have the deleted files open. A file that somebody has put in its place
// is left alone. The caller is the sealer and holds its lock.
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
	// A connection that is closed last deletes the log by its name. So all are
	// closed before there are new files of these names.
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
	z.maintenance.report(Event{Kind: EventRestored, Err: gone})
	return nil
}

// rewriteFileLocked makes a new file of what the anchor sees, and opens it; nobody else has a connection. The caller holds both locks.
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
