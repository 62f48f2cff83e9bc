package sqlite

import "errors"

// Reasons for Open to refuse a file. Its error wraps one of them and names the
// path.
var (
	// ErrNetworkFileSystem: the directory is on a network file system, whose
	// locks and shared memory are not reliable enough for a database.
	ErrNetworkFileSystem = errors.New("network file system")
	// ErrInUse: another process or another Store of this process has the file
	// open.
	ErrInUse = errors.New("already in use")
	// ErrForeignFile: the file is not an SQLite database, or belongs to
	// another program.
	ErrForeignFile = errors.New("not a file of this program")
	// ErrNewerSchema: a newer release wrote the file.
	ErrNewerSchema = errors.New("written by a newer release")
	// ErrOldSQLite: the built-in SQLite has a bug that can damage files.
	ErrOldSQLite = errors.New("SQLite is too old")
	// ErrCorrupt: the content of the file is inconsistent.
	ErrCorrupt = errors.New("corrupt")
)

// The parts of the store whose faults are tracked.
const (
	faultCommit = iota
	faultSeal
	faultParts
)
