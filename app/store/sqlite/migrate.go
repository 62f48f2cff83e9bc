package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Migrate brings the store at path, which must not be in use, to the schema of
// this release, and creates it if missing. It returns the versions before and
// after; 0 is no store.
func Migrate(ctx context.Context, path string) (before, after int64, err error) {
	path, err = resolvePath(path)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate store %q: %w", path, err)
	}
	fail := func(err error) (int64, int64, error) {
		return 0, 0, fmt.Errorf("migrate store %q: %w", path, err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	if err := prepareDirectory(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return fail(err)
	}
	c, version, err := openFile(&databaseFile{path: path})
	if err != nil {
		return fail(errors.Join(err, lock.unlock()))
	}
	if err := errors.Join(c.close(), lock.unlock()); err != nil {
		return fail(err)
	}
	return version, schemaVersion, nil
}

// prepareFile makes a new file ours, or checks that an existing one is, and
// brings it to schemaVersion in one transaction. It returns the version that
// it had, 0 for a new one.
func prepareFile(c *conn) (version int64, err error) {
	if err := checkSQLite(c); err != nil {
		return 0, err
	}
	id, err := c.queryInt("PRAGMA application_id")
	if err != nil {
		return 0, asForeignFile(err)
	}
	objects, err := c.queryInt("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, asForeignFile(err)
	}
	if id != applicationID && (id != 0 || objects != 0) {
		return 0, ErrForeignFile
	}
	if version, err = c.queryInt("PRAGMA user_version"); err != nil {
		return 0, err
	}
	switch {
	case version > schemaVersion:
		return 0, fmt.Errorf("schema %d, this release knows %d: %w", version, schemaVersion, ErrNewerSchema)
	case version == schemaVersion:
		return version, useWAL(c) // other programs can switch it off
	}
	return version, migrate(c, version)
}

// migrate takes the file from version to schemaVersion. The pragmas before
// the transaction take effect only while there is no table; auto_vacuum is
// needed to give space back.
func migrate(c *conn, version int64) error {
	for _, pragma := range []string{fmt.Sprintf("PRAGMA page_size = %d", pageSize), "PRAGMA auto_vacuum = INCREMENTAL"} {
		if err := c.execOnce(pragma); err != nil {
			return err
		}
	}
	if err := useWAL(c); err != nil {
		return err
	}
	statements := []string{"BEGIN IMMEDIATE"}
	for _, migration := range migrations[version:] {
		statements = append(statements, migration...)
	}
	statements = append(statements,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion),
		"COMMIT")
	for _, statement := range statements {
		if err := c.execOnce(statement); err != nil {
			return fmt.Errorf("migrate from schema %d: %w", version, err)
		}
	}
	return nil
}

// useWAL switches the file to write-ahead logging, which lasts.
func useWAL(c *conn) error {
	var mode string
	err := c.query("PRAGMA journal_mode = WAL", func(values []driver.Value) error {
		mode = asString(values[0])
		return nil
	})
	if err != nil {
		return fmt.Errorf("switch to write-ahead logging: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("switch to write-ahead logging: the journal mode stays %q", mode)
	}
	return nil
}

// asForeignFile marks an error of the first read as that of a file which is no
// database, if it is one.
func asForeignFile(err error) error {
	if resultCode(err) == resultNotADatabase {
		return fmt.Errorf("%w: %w", ErrForeignFile, err)
	}
	return err
}

func checkSQLite(c *conn) error {
	var version string
	err := c.query("SELECT sqlite_version()", func(values []driver.Value) error {
		version = asString(values[0])
		return nil
	})
	if err != nil {
		return err
	}
	if olderVersion(version, oldestSQLite) {
		return fmt.Errorf("version %q, want %s or later: %w", version, oldestSQLite, ErrOldSQLite)
	}
	return nil
}

// olderVersion compares dotted versions by their numbers. What is not a
// number counts as 0, hence as old.
func olderVersion(version, than string) bool {
	have, want := strings.Split(version, "."), strings.Split(than, ".")
	for i, part := range want {
		need, _ := strconv.Atoi(part)
		got := 0
		if i < len(have) {
			got, _ = strconv.Atoi(have[i])
		}
		if got != need {
			return got < need
		}
	}
	return false
}
