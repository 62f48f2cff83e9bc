package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// conn is one connection to the file with its prepared statements. It belongs
// to one goroutine at a time. The driver is used without database/sql: the
// pools here are of fixed size, and a statement per connection is kept anyway.
type conn struct {
	driver driver.Conn
	stmts  map[string]driver.Stmt
	args   []driver.NamedValue
}

// openConn opens the database file.
func openConn(file *databaseFile) (*conn, error) {
	dc, err := new(sqlite.Driver).Open(file.dsn())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &conn{driver: dc, stmts: make(map[string]driver.Stmt)}, nil
}

// prepared returns the statement of query, which stays prepared until close;
// so query is a constant, never built from input.
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

// bind numbers args for the driver. The slice is valid until the next call.
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

// execOnce runs a statement that is not worth keeping prepared.
func (c *conn) execOnce(query string) error { return c.execOnceContext(context.Background(), query) }

// execOnceContext is once for a statement that may take long: it ends with ctx.
func (c *conn) execOnceContext(ctx context.Context, query string, args ...driver.Value) error {
	stmt, err := c.driver.Prepare(query)
	if err != nil {
		return fmt.Errorf("prepare %q: %w", query, err)
	}
	_, err = stmt.(driver.StmtExecContext).ExecContext(ctx, c.bind(args))
	clear(c.args)
	return errors.Join(err, stmt.Close())
}

// errStop ends a query early without an error.
var errStop = errors.New("enough rows")

// query calls row for each row of the result. The slice is reused; the values
// in it may be kept. An error of row ends the query and is returned, save
// errStop, which only ends it.
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

// resultCode is the primary SQLite result code of err, 0 if it has none.
func resultCode(err error) int {
	if sqliteErr, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteErr.Code() & 0xff
	}
	return 0
}

// asInt reads an integer column; NULL and other types are 0.
func asInt(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

// asFloat reads a real column; one that holds a whole number may come as an
// integer. NULL is 0.
func asFloat(v driver.Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return 0
}

// asString reads a text column.
func asString(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// asBytes reads a blob column; an empty blob comes as nil.
func asBytes(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

// execDiscard runs a pragma that works row by row and gives no values.
func (c *conn) execDiscard(query string) error {
	return c.query(query, func([]driver.Value) error { return nil })
}
