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

// Open opens the store at options.Path, or creates it. It returns once all
// acknowledged readings can be queried. The errors of this package say why a
// file is refused. ctx limits the opening only, not the life of the store.
func Open(ctx context.Context, options Options) (*Store, error) {
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("open store: options: %w", err)
	}
	path, err := resolvePath(options.Path)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", options.Path, err)
	}
	options.Path = path
	s, err := open(ctx, options.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	return s, nil
}

// resolvePath follows symbolic links, because the lock must be next to the
// file itself. A path that does not exist yet is returned as an absolute path.
func resolvePath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	return path, nil
}

func open(ctx context.Context, options Options) (*Store, error) {
	if err := prepareDirectory(filepath.Dir(options.Path)); err != nil {
		return nil, err
	}
	if options.MaxBytes == 0 {
		options.MaxBytes = defaultMaxBytes(filepath.Dir(options.Path))
	}
	lock, err := lockFile(options.Path + ".lock")
	if err != nil {
		return nil, err
	}
	file := &databaseFile{path: options.Path, vfs: options.vfs, openWAL: options.openWAL}
	writing, _, err := openFile(file)
	if err != nil {
		return nil, errors.Join(err, lock.unlock())
	}
	s := newStore(options, lock, file, writing)
	if err := s.recover(ctx, writing); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if s.writer.needsInUseMark, err = wasClosed(writing); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if !s.writer.needsInUseMark {
		s.checker.set(factory.IntegrityChecking) // run checks the file
	}
	if err := s.writer.connectLocked(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.sealer.updateSize()
	s.start()
	return s, nil
}

// prepareDirectory creates dir. It refuses a network file system.
func prepareDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	name, err := networkFileSystem(dir)
	if err != nil {
		return err
	}
	if name != "" {
		return fmt.Errorf("%q is on %s: %w", dir, name, ErrNetworkFileSystem)
	}
	return nil
}

// defaultMaxBytes returns four fifths of the file system that contains dir.
func defaultMaxBytes(dir string) int64 {
	size, err := fileSystemSize(dir)
	if err != nil || size <= 0 {
		return NoLimit
	}
	return size / 5 * 4
}

// openFile opens the database for writing and migrates it to schemaVersion. No
// other store may have it open. version is that of the file before; 0 means
// that it is new.
func openFile(file *databaseFile) (c *conn, version int64, err error) {
	if err := file.create(); err != nil {
		return nil, 0, err
	}
	if err := file.rewriteWAL(); err != nil {
		return nil, 0, fmt.Errorf("rewrite the write-ahead log: %w", err)
	}
	if c, err = openWriter(file); err != nil {
		return nil, 0, asForeignFile(err)
	}
	if version, err = prepareFile(c); err != nil {
		return nil, 0, errors.Join(err, c.close())
	}
	return c, version, nil
}

// newStore connects the parts of the store and starts nothing.
func newStore(options Options, lock *fileLock, file *databaseFile, writing *conn) *Store {
	s := &Store{
		options:        options,
		lock:           lock,
		catalog:        newCatalog(),
		queue:          store.NewQueue[*request](options.QueueReadings, "readings"),
		sealQueue:      &sealQueue{},
		faults:         store.NewFaults(faultParts, options.OnFault),
		writer:         &writer{file: file, aroundCommit: options.aroundCommit, conn: writing},
		readers:        newReadPool(file),
		stopBackground: make(chan struct{}),
	}
	s.sealer = &sealer{
		options:   options,
		writer:    s.writer,
		sealQueue: s.sealQueue,
		readers:   s.readers,
		catalog:   s.catalog,
		faults:    s.faults,
		wake:      make(chan struct{}, 1),
		maintenance: maintenance{
			onEvent: options.OnEvent,
			purged:  make(map[int64]int64),
			events:  make(map[factory.EventKind]*eventExpiry),
			damaged: make(map[int64]damage),
			stale:   make(map[window]struct{}),
		},
	}
	s.writer.onMissing = s.sealer.signal
	s.checker = &checker{file: file, readers: s.readers, sealer: s.sealer}
	s.committer = &committer{
		options:   options,
		queue:     s.queue,
		writer:    s.writer,
		catalog:   s.catalog,
		sealer:    s.sealer,
		sealQueue: s.sealQueue,
		faults:    s.faults,

		dirtyMachines: make(map[string]bool),
		journal:       newJournal(options),
	}
	return s
}
