package sqlite

import (
	"errors"
	"fmt"
	"net/url"
	"os"
)

// errReplaced: there is a file at the path, but not the one that was opened.
var errReplaced = errors.New("another file is in its place")

// dbFile is the database file of a Store.
type dbFile struct {
	path string // absolute
	vfs  string // the name of SQLite's file system layer; "" is its own
	info os.FileInfo
}

// dsn is how connections name the file. None of them creates it.
func (f *dbFile) dsn() string {
	query := url.Values{"mode": {"rw"}}
	if f.vfs != "" {
		query.Set("vfs", f.vfs)
	}
	return (&url.URL{Scheme: "file", Path: f.path, RawQuery: query.Encode()}).String()
}

// create makes the file if it is missing, for the owner and the group alone,
// and remembers which one it is.
func (f *dbFile) create() error {
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
func (f *dbFile) check() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("database file: %w", err)
	}
	if !os.SameFile(f.info, info) {
		return fmt.Errorf("database file %q: %w", f.path, errReplaced)
	}
	return nil
}
