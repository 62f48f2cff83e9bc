package sqlite

import (
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

const (
	// applicationID marks our files in the SQLite header: "SFBk".
	applicationID = 0x5346426b
	// schemaVersion is the version that this release reads and writes.
	schemaVersion = 2
	// pageSize is the page size of new files. Chunks of regular data waste
	// less of it than of 4 KiB pages, and commits of one reading take no
	// longer.
	pageSize = 8192
	// oldestSQLite is the first release without the WAL-reset bug, which
	// could lose committed transactions.
	oldestSQLite = "3.51.3"
)

// migrations bring a file from schema version i to i+1. A released entry is
// never edited; a change of the schema is a new entry.
var migrations = [schemaVersion][]string{
	{
		`CREATE TABLE series (
			id      INTEGER PRIMARY KEY,
			machine TEXT NOT NULL,
			metric  TEXT NOT NULL,
			UNIQUE (machine, metric)
		) STRICT`,
		// One row per commit group; see log_codec.go.
		`CREATE TABLE ingest_log (
			seq  INTEGER PRIMARY KEY,
			data BLOB NOT NULL
		) STRICT`,
		// Chunks of one series never overlap in time; see chunk_codec.go.
		// vlast is the bits of the value at t1: a REAL would drop the sign of
		// zero. The data stands last, so that the figures are read without it.
		`CREATE TABLE chunk (
			id        INTEGER PRIMARY KEY,
			series_id INTEGER NOT NULL,
			t0        INTEGER NOT NULL,
			t1        INTEGER NOT NULL,
			n         INTEGER NOT NULL,
			vlast     INTEGER NOT NULL,
			vmin      REAL NOT NULL,
			vmax      REAL NOT NULL,
			vsum      REAL NOT NULL,
			data      BLOB NOT NULL,
			UNIQUE (series_id, t0, t1)
		) STRICT`,
	},
	{
		// The rest of the figures of a chunk; NULL in chunks of the first
		// version, whose figures are taken from the data. vfirst is bits as
		// vlast is; vcarry is what vsum lacks, vrise by how much a counter grew.
		"ALTER TABLE chunk ADD COLUMN vfirst INTEGER",
		"ALTER TABLE chunk ADD COLUMN vcarry REAL",
		"ALTER TABLE chunk ADD COLUMN vrise REAL",
		// attributes is a JSON object or empty. Deleted machines stay for the
		// sake of their history.
		`CREATE TABLE machine (
			id         TEXT PRIMARY KEY,
			name       TEXT NOT NULL,
			site       TEXT NOT NULL,
			area       TEXT NOT NULL,
			line       TEXT NOT NULL,
			attributes TEXT NOT NULL,
			version    INTEGER NOT NULL,
			created_at INTEGER NOT NULL,
			updated_at INTEGER NOT NULL,
			deleted    INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
		"INSERT INTO machine SELECT DISTINCT machine, '', '', '', '', '', 1, unixepoch() * 1000, unixepoch() * 1000, 0 FROM series",
		// retention is in milliseconds; 0 the default, -1 for ever.
		"ALTER TABLE series ADD COLUMN unit TEXT NOT NULL DEFAULT ''",
		"ALTER TABLE series ADD COLUMN kind TEXT NOT NULL DEFAULT 'gauge'",
		"ALTER TABLE series ADD COLUMN expected_min REAL",
		"ALTER TABLE series ADD COLUMN expected_max REAL",
		"ALTER TABLE series ADD COLUMN retention INTEGER NOT NULL DEFAULT 0",
		"ALTER TABLE series ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
		"ALTER TABLE series ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0",
		"ALTER TABLE series ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0",
		"UPDATE series SET created_at = unixepoch() * 1000, updated_at = unixepoch() * 1000",
		// Series of purged machines, until all that is left of them is gone: their
		// chunks, and the log rows up to seq.
		`CREATE TABLE purged (
			series_id INTEGER PRIMARY KEY,
			seq       INTEGER NOT NULL
		) STRICT`,
		// Summaries of spans of one series; see rollup.go.
		`CREATE TABLE rollup (
			id        INTEGER PRIMARY KEY,
			series_id INTEGER NOT NULL,
			level     INTEGER NOT NULL,
			t0        INTEGER NOT NULL,
			data      BLOB NOT NULL,
			UNIQUE (series_id, level, t0)
		) STRICT`,
		// What was found damaged, set aside as it was found.
		`CREATE TABLE quarantine (
			id        INTEGER PRIMARY KEY,
			kind      TEXT NOT NULL,
			series_id INTEGER NOT NULL,
			t0        INTEGER NOT NULL,
			t1        INTEGER NOT NULL,
			n         INTEGER NOT NULL,
			found_at  INTEGER NOT NULL,
			reason    TEXT NOT NULL,
			data      BLOB NOT NULL
		) STRICT`,
		`CREATE TABLE state (
			name  TEXT PRIMARY KEY,
			value INTEGER NOT NULL
		) STRICT, WITHOUT ROWID`,
	},
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

// foreign marks an error of the first read as that of a file which is no
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
