package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Backup implements factory.Store. The copy is a complete database file that
// Open accepts.
func (s *Store) Backup(ctx context.Context, path string) error {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, 1); err != nil {
		return err
	}
	s.sealer.backups.RLock()
	defer s.sealer.backups.RUnlock()
	return backup(ctx, s.writer.file, path)
}

// Backup copies the store at from to a new file at to. The store may be in use
// by this or another process. The errors are those of factory.Store.
func Backup(ctx context.Context, from, to string) error {
	from, err := resolvePath(from)
	if err != nil {
		return fmt.Errorf("back up store %q: %w", from, err)
	}
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("back up store: %w: %w", factory.ErrNotFound, err)
	}
	file := &databaseFile{path: from}
	c, err := openReader(file)
	if err != nil {
		return fmt.Errorf("back up store %q: %w", from, asForeignFile(err))
	}
	id, err := c.queryInt("PRAGMA application_id")
	if err = errors.Join(err, c.close()); err != nil {
		return fmt.Errorf("back up store %q: %w", from, asForeignFile(err))
	}
	if id != applicationID {
		return fmt.Errorf("back up store %q: %w", from, ErrForeignFile)
	}
	return backup(ctx, file, to)
}

// backup first writes to a temporary name, so that a file at to is always
// complete.
func backup(ctx context.Context, file *databaseFile, to string) (err error) {
	to, err = filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("back up to %q: %w: %w", to, factory.ErrInvalid, err)
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("back up to %q: the file exists: %w", to, factory.ErrConflict)
	}
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return store.Unavailable(fmt.Sprintf("back up to %q", to), err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
			err = store.Unavailable(fmt.Sprintf("back up to %q", to), err)
		}
	}()
	if err := copyInto(ctx, file, part); err != nil {
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	// Unlike a rename, this fails if the file exists by now.
	if err := os.Link(part, to); err != nil {
		return err
	}
	if err := os.Remove(part); err != nil {
		return err
	}
	return syncFile(filepath.Dir(to))
}

// copyInto writes the present content of file to a new file at part.
func copyInto(ctx context.Context, file *databaseFile, part string) (err error) {
	c, err := openConn(file, busyTimeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.execOnceContext(ctx, "VACUUM INTO ?", part); err != nil {
		return err
	}
	return os.Chmod(part, 0o640)
}

// syncFile makes a file, or the entries of a directory, durable.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
