package sqlite

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

// errReplaced: the path leads to another file than the one that was opened.
var errReplaced = errors.New("another file is in its place")

// databaseFile is the database file of a Store.
type databaseFile struct {
	path string // absolute
	vfs  string // SQLite's file system layer; "" is the default
	info os.FileInfo
	// openWAL replaces os.OpenFile for the write-ahead log, if not nil.
	openWAL func(path string) (walFile, error)
}

// walFile is what rewriteWAL needs of the write-ahead log.
type walFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// dsn returns the name for connections, which never create the file.
func (f *databaseFile) dsn() string {
	query := url.Values{"mode": {"rw"}}
	if f.vfs != "" {
		query.Set("vfs", f.vfs)
	}
	return (&url.URL{Scheme: "file", Path: f.path, RawQuery: query.Encode()}).String()
}

// create creates the file if it is missing, readable by owner and group only,
// and records its identity.
func (f *databaseFile) create() error {
	// SQLite would accept a read-only file, and would create one that everyone
	// can read.
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.info = info
	return file.Close()
}

// check returns an error if the file is no longer at its path. Writes to it
// would be lost when the process ends.
func (f *databaseFile) check() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("database file: %w", err)
	}
	if !os.SameFile(f.info, info) {
		return fmt.Errorf("database file %q: %w", f.path, errReplaced)
	}
	return nil
}

// rewriteWAL makes the write-ahead log of the previous process durable before
// anyone relies on it. If a sync of that process failed, the system still
// returns the pages from its cache but does not write them again, and another
// sync would not help. So rewriteWAL writes the same bytes to the same places;
// it may be interrupted at any time. No other store may have the file open;
// readers may.
func (f *databaseFile) rewriteWAL() (err error) {
	path := f.path + walSuffix
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	open := f.openWAL
	if open == nil {
		open = func(path string) (walFile, error) { return os.OpenFile(path, os.O_RDWR, 0) }
	}
	file, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	part := make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := file.ReadAt(part, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return file.Sync()
		}
		if _, err := file.WriteAt(part[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
}
