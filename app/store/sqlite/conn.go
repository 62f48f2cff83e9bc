package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// conn is one connection to the database with its prepared statements. One
// goroutine at a time may use it. It uses the driver without database/sql,
// whose pool and interfaces cost more than they give here.
type conn struct {
	driver driver.Conn
	stmts  map[string]driver.Stmt
	args   []driver.NamedValue
}

// openConn opens a connection to the database file and executes the pragmas.
func openConn(file *databaseFile, pragmas ...string) (*conn, error) {
	dc, err := new(sqlite.Driver).Open(file.dsn())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	c := &conn{driver: dc, stmts: make(map[string]driver.Stmt)}
	for _, pragma := range pragmas {
		if err := c.execOnce(pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// openReader opens a read-only connection.
func openReader(file *databaseFile) (*conn, error) {
	return openConn(file, "PRAGMA query_only = ON", busyTimeout)
}

// busyTimeout is how long a statement waits for the locks of other connections.
const busyTimeout = "PRAGMA busy_timeout = 5000"

// prepared returns the prepared statement of query, which is cached until
// close. So query must be a constant and never depend on input.
func (c *conn) prepared(query string) (driver.Stmt, error) {
	if stmt, ok := c.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := c.driver.Prepare(query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	c.stmts[query] = stmt
	return stmt, nil
}

// bind numbers args for the driver. The result is valid until the next call.
func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, arg := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return c.args
}

// exec runs a statement that returns no rows.
func (c *conn) exec(query string, args ...driver.Value) error {
	stmt, err := c.prepared(query)
	if err != nil {
		return err
	}
	_, err = stmt.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	clear(c.args)
	return err
}

// execCount is exec for a statement that returns how many rows it has changed.
func (c *conn) execCount(query string, args ...driver.Value) (n int64, err error) {
	stmt, err := c.prepared(query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	clear(c.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execOnce runs a statement without caching it.
func (c *conn) execOnce(query string) error { return c.execOnceContext(context.Background(), query) }

// execOnceContext is execOnce for a statement that may take long. It stops
// when ctx ends.
func (c *conn) execOnceContext(ctx context.Context, query string, args ...driver.Value) error {
	stmt, err := c.driver.Prepare(query)
	if err != nil {
		return fmt.Errorf("prepare %q: %w", query, err)
	}
	_, err = stmt.(driver.StmtExecContext).ExecContext(ctx, c.bind(args))
	clear(c.args)
	return errors.Join(err, stmt.Close())
}

// errStop, returned by the callback of query, ends the query without an error.
var errStop = errors.New("enough rows")

// query calls row for each row of the result. The slice is reused, but the
// values may be retained. An error of row ends the query and is returned,
// except errStop.
func (c *conn) query(query string, row func(values []driver.Value) error, args ...driver.Value) (err error) {
	stmt, err := c.prepared(query)
	if err != nil {
		return err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := row(values); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
}

// queryInt returns the single integer that query selects.
func (c *conn) queryInt(query string, args ...driver.Value) (n int64, err error) {
	err = c.query(query, func(values []driver.Value) error {
		n = asInt(values[0])
		return nil
	}, args...)
	return n, err
}

// close finalizes the statements and closes the connection.
func (c *conn) close() error {
	var errs []error
	for _, stmt := range c.stmts {
		errs = append(errs, stmt.Close())
	}
	c.stmts = nil
	return errors.Join(append(errs, c.driver.Close())...)
}

// resultNotADatabase is SQLITE_NOTADB.
const resultNotADatabase = 26

// resultCode returns the primary SQLite result code of err, or 0.
func resultCode(err error) int {
	if sqliteErr, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteErr.Code() & 0xff
	}
	return 0
}

// asInt returns the value of an integer column, or 0 for NULL and other types.
func asInt(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// asFloat returns the value of a real column. SQLite may return whole numbers
// as integers. NULL is 0.
func asFloat(v driver.Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return 0
}

// asString returns the value of a text column.
func asString(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// asBytes returns the value of a blob column; an empty blob is nil.
func asBytes(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

// execDiscard runs a pragma that returns rows and discards them.
func (c *conn) execDiscard(query string) error {
	return c.query(query, func([]driver.Value) error { return nil })
}
