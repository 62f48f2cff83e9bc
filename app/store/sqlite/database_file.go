package sqlite

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

// errReplaced: there is a file at the path, but not the one that was opened.
var errReplaced = errors.New("another file is in its place")

// databaseFile is the database file of a Store.
type databaseFile struct {
	path string // absolute
	vfs  string // the name of SQLite's file system layer; "" is its own
	info os.FileInfo
	// openWAL opens the write-ahead log where it is not a plain file.
	openWAL func(path string) (walFile, error)
}

// walFile is the write-ahead log as rewriteLog uses it.
type walFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// dsn is how connections name the file. None of them creates it.
func (f *databaseFile) dsn() string {
	query := url.Values{"mode": {"rw"}}
	if f.vfs != "" {
		query.Set("vfs", f.vfs)
	}
	return (&url.URL{Scheme: "file", Path: f.path, RawQuery: query.Encode()}).String()
}

// create makes the file if it is missing, for the owner and the group alone,
// and remembers which one it is.
func (f *databaseFile) create() error {
	// SQLite would open a file that it may not write, and give it to the
	// world to read.
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

// check reports an error when the file is not at its path any more: what is
// written then would be lost with the process.
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

// rewriteWAL makes durable what is seen of the write-ahead log that another
// process has left, before anybody builds on it: where a sync of that process
// failed, the system still shows what it could not write, and a sync alone
// would not write it any more. The same bytes are written in their places, so
// it may end anywhere. No other store may have the file open; who reads it may.
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
