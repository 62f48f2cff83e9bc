package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Errors of Open and Migrate.
var (
	// ErrUnreachable means that the server was not there, was starting, or had no
	// free connection for all of Options.StartTimeout.
	ErrUnreachable = errors.New("cannot be reached")
	// ErrNewerSchema means that a newer release has migrated the database.
	ErrNewerSchema = errors.New("migrated by a newer release")
	// ErrForeignSchema means that the recorded migrations are not those of this
	// program.
	ErrForeignSchema = errors.New("not a schema of this program")
	// ErrOldServer means that the server's version is not supported.
	ErrOldServer = errors.New("PostgreSQL is too old")
	// ErrEncoding means that the database cannot store every name.
	ErrEncoding = errors.New("database encoding is not UTF8")
)

// errPoolExhausted means that no connection for queries became free within the
// connect timeout.
var errPoolExhausted = fmt.Errorf("every database connection for queries is in use: %w", factory.ErrOverloaded)

// errUnexpectedResult means that the server returned a result of the wrong
// form.
var errUnexpectedResult = errors.New("unexpected result format")

// Parts of the store that can fail independently; see store.Faults.
const (
	faultConnection  = iota // the server is unreachable or does not accept writes
	faultCommit             // the server is reachable, but the last commit failed
	faultMaintenance        // the leader's last maintenance round failed
	faultParts
)

// PostgreSQL error codes that the store handles.
const (
	codeNoPartition   = "23514" // check_violation: no partition for the row
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeLockTimeout   = "55P03"
	codeReadOnly      = "25006"
	codeIdleTooLong   = "25P03" // the session was ended because it was idle in a transaction
	codeTooManyConns  = "53300"
	codeDiskFull      = "53100"
	codeStarting      = "57P03" // cannot_connect_now
)

// sqlState returns the code of an error that the server sent, "" for any other
// error.
func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

// isConnectionError reports whether err concerns the connection or the server
// as a whole rather than one statement.
func isConnectionError(err error) bool {
	if _, panicked := errors.AsType[*store.PanicError](err); err == nil || panicked {
		return false
	}
	for _, ours := range []error{
		context.Canceled, pgx.ErrNoRows, errStaleRegistry, errUnexpectedResult,
		factory.ErrInvalid, factory.ErrNotFound, factory.ErrPrecondition, factory.ErrOverloaded,
	} {
		if errors.Is(err, ours) {
			return false
		}
	}
	code := sqlState(err)
	switch code {
	case "": // network error, our own timeout, connection refused
		return true
	case codeReadOnly, codeIdleTooLong, codeTooManyConns:
		return true
	}
	// connection exceptions, shutdown and startup, wrong password, unknown database
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") ||
		strings.HasPrefix(code, "28") || code == "3D000"
}

// isRetryable reports whether the same operation may succeed if it is retried
// as it is.
func isRetryable(err error) bool {
	switch sqlState(err) {
	case codeSerialization, codeDeadlock, codeLockTimeout:
		return true
	}
	return false
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
