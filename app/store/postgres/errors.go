package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Reasons why Open and Migrate refuse. The error that they return wraps one of
// them where the reason is not the connection.
var (
	// ErrNewerSchema: a newer release has migrated the database.
	ErrNewerSchema = errors.New("migrated by a newer release")
	// ErrForeignSchema: the recorded migrations are not those of this program.
	ErrForeignSchema = errors.New("not a schema of this program")
	// ErrOldServer: the server's release lacks what the engine relies on.
	ErrOldServer = errors.New("PostgreSQL is too old")
	// ErrEncoding: the database can't hold every name.
	ErrEncoding = errors.New("database encoding is not UTF8")
)

// errClosed answers every call after Close.
var errClosed = fmt.Errorf("store is closed: %w", factory.ErrUnavailable)

// errCrowded: all connections for queries stayed taken for as long as the
// connect timeout.
var errPoolExhausted = fmt.Errorf("every database connection for queries is in use: %w", factory.ErrOverloaded)

// unavailable turns a cause into an error of the kind ErrUnavailable that
// still wraps the cause.
func unavailable(doing string, cause error) error {
	return fmt.Errorf("%s: %w: %w", doing, factory.ErrUnavailable, cause)
}

// Error codes of PostgreSQL that are acted upon.
const (
	codeNoPartition   = "23514" // check_violation: no partition takes the row
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeLockTimeout   = "55P03"
	codeReadOnly      = "25006"
	codeTooManyConns  = "53300"
	codeDiskFull      = "53100"
	codeStarting      = "57P03" // cannot_connect_now
)

// sqlState returns the code of an error that the server has sent, "" for any
// other.
func sqlState(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	return ""
}

// linkBroken reports whether err says something of the connection or of the
// server as a whole, rather than of the statement.
func isConnectionError(err error) bool {
	if _, crashed := errors.AsType[*PanicError](err); err == nil || crashed {
		return false
	}
	for _, ours := range []error{
		context.Canceled, pgx.ErrNoRows, errStale, errUnexpectedResult,
		factory.ErrInvalid, factory.ErrNotFound, factory.ErrPrecondition, factory.ErrOverloaded,
	} {
		if errors.Is(err, ours) {
			return false
		}
	}
	code := sqlState(err)
	switch code {
	case "": // the network, a timeout of ours, a refused connection
		return true
	case codeReadOnly, codeTooManyConns:
		return true
	}
	// connection exceptions, shutdown and start, wrong password, no such database
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") ||
		strings.HasPrefix(code, "28") || code == "3D000"
}

// passing reports whether the same work may succeed if it is simply done again.
func isRetryable(err error) bool {
	switch sqlState(err) {
	case codeSerialization, codeDeadlock, codeLockTimeout:
		return true
	}
	return false
}

// errConfused: the server gave an answer that no query of ours has.
var errUnexpectedResult = errors.New("unexpected form of the database's answer")

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
