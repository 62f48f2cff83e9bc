package sqlite

import "errors"

// Reasons why Open refuses. The error that Open returns wraps one of them and
// names the path.
var (
	// ErrNetworkFileSystem: the directory is on a file system whose locks and
	// shared memory cannot be trusted with a database.
	ErrNetworkFileSystem = errors.New("network file system")
	// ErrInUse: another process, or another Store of this one, has the file.
	ErrInUse = errors.New("already in use")
	// ErrForeignFile: the file is not a database, or not one of ours.
	ErrForeignFile = errors.New("not a file of this program")
	// ErrNewerSchema: a newer release has written the file.
	ErrNewerSchema = errors.New("written by a newer release")
	// ErrOldSQLite: the SQLite built into the program may damage files.
	ErrOldSQLite = errors.New("SQLite is too old")
	// ErrCorrupt: the content of the file contradicts itself.
	ErrCorrupt = errors.New("corrupt")
)

// The parts of the store whose faults are tracked.
const (
	faultCommit = iota
	faultSeal
	faultParts
)
