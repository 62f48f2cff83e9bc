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

// Migrate migrates the store at path to the schema of this release, or creates
// it. The store must not be in use. It returns the schema versions before and
// after; before is 0 for a new store.
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

// prepareFile initializes a new file, or verifies that an existing file is
// ours and migrates it. It returns the schema version before; 0 means a new
// file.
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
		return version, useWAL(c) // another program may have switched it off
	}
	return version, migrate(c, version)
}

// migrate migrates the file from version to schemaVersion in one transaction.
// The pragmas before it take effect only while the file has no table;
// auto_vacuum makes it possible to return free space.
func migrate(c *conn, version int64) error {
	for _, pragma := range []string{fmt.Sprintf("PRAGMA page_size = %d", pageSize), "PRAGMA auto_vacuum = INCREMENTAL"} {
		if err := c.execOnce(pragma); err != nil {
			return err
		}
	}
	if err := useWAL(c); err != nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("migrate from schema %d: %w", version, err) }
	if err := c.execOnce("BEGIN IMMEDIATE"); err != nil {
		return fail(err)
	}
	for _, statements := range migrations[version:] {
		for _, statement := range statements {
			if statement == documentRegistry {
				if err := makeRegistryDocuments(c); err != nil {
					return fail(err)
				}
				continue
			}
			if err := c.execOnce(statement); err != nil {
				return fail(err)
			}
		}
	}
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", schemaVersion), "COMMIT",
	} {
		if err := c.execOnce(statement); err != nil {
			return fail(err)
		}
	}
	return nil
}

// useWAL switches the file to write-ahead logging, which is persistent.
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

// asForeignFile adds ErrForeignFile to an error that says that the file is no
// database.
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

// olderVersion compares dotted versions by their numbers. Parts that are not
// numbers count as 0.
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
