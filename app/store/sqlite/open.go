package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Open opens the store at options.Path and creates it if missing. It returns
// once all that was acknowledged before is readable again. It refuses a file
// on a network file system, in use, not ours or too new; see the errors of
// this package. ctx bounds the opening, not the life of the store.
func Open(ctx context.Context, options Options) (*Store, error) {
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("open store: options: %w", err)
	}
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", options.Path, err)
	}
	// The lock and the check of the file system are for the file itself, by
	// whatever links it is reached. One that is to be created has no target.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	options.Path = path
	s, err := open(ctx, options.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, options Options) (*Store, error) {
	if err := prepareDirectory(filepath.Dir(options.Path)); err != nil {
		return nil, err
	}
	lock, err := lockFile(options.Path + ".lock")
	if err != nil {
		return nil, err
	}
	writing, err := openFile(options.Path)
	if err != nil {
		return nil, errors.Join(err, lock.unlock())
	}
	s := newStore(options, lock, writing)
	if err := s.load(ctx, writing); err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.sealer.measure()
	s.start()
	return s, nil
}

// prepareDirectory makes dir and refuses it on a network file system.
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

// openFile opens the database for writing and brings it to our schema.
func openFile(path string) (*conn, error) {
	// SQLite would open a file that it may not write, and give it to the
	// world to read.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	c, err := openWriter(path)
	if err != nil {
		return nil, foreign(err)
	}
	if err := prepareFile(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// newStore puts the parts together; nothing runs yet.
func newStore(options Options, lock *fileLock, writing *conn) *Store {
	s := &Store{
		options:     options,
		lock:        lock,
		catalog:     newCatalog(),
		queue:       newQueue(options.QueueReadings),
		backlog:     &backlog{},
		faults:      &faults{onFault: options.OnFault},
		writer:      &writer{path: options.Path, aroundCommit: options.aroundCommit, conn: writing},
		readers:     newReaders(options.Path),
		stopSealing: make(chan struct{}),
	}
	s.sealer = &sealer{
		options: options,
		writer:  s.writer,
		backlog: s.backlog,
		catalog: s.catalog,
		faults:  s.faults,
		wake:    make(chan struct{}, 1),
	}
	s.sealer.upkeep.onEvent = options.OnEvent
	s.checker = &checker{}
	s.committer = &committer{
		options: options,
		queue:   s.queue,
		writer:  s.writer,
		catalog: s.catalog,
		sealer:  s.sealer,
		backlog: s.backlog,
		faults:  s.faults,
	}
	return s
}
