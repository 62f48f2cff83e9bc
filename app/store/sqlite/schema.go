package sqlite

const (
	// applicationID identifies our files in the SQLite header: "SFBk".
	applicationID = 0x5346426b
	// schemaVersion is the schema that this release reads and writes.
	schemaVersion = 3
	// pageSize is the page size of new files. Compared to 4 KiB, chunks of
	// regular data waste less space, and commits of a single reading take no
	// longer.
	pageSize = 8192
	// oldestSQLite is the first release without the WAL-reset bug, which could
	// lose committed transactions.
	oldestSQLite = "3.51.3"
)

// migrations[i] migrates a file from schema version i to i+1. Released entries
// must not change; a new schema needs a new entry.
var migrations = [schemaVersion][]string{
	{
		`CREATE TABLE series (
			id      INTEGER PRIMARY KEY,
			machine TEXT NOT NULL,
			metric  TEXT NOT NULL,
			UNIQUE (machine, metric)
		) STRICT`,
		// One row per commit group; see ingest_log.go.
		`CREATE TABLE ingest_log (
			seq  INTEGER PRIMARY KEY,
			data BLOB NOT NULL
		) STRICT`,
		// Chunks of one series never overlap in time; see chunk_encoder.go.
		// vlast is the bits of the value at t1, since a REAL loses the sign of
		// zero. data is the last column, so that the others are read without it.
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
		// The rest of the summary; NULL in chunks of schema 1, whose summary is
		// computed from the data. vfirst is bits like vlast, vcarry the rounding
		// error of vsum, vrise the increase of a counter.
		"ALTER TABLE chunk ADD COLUMN vfirst INTEGER",
		"ALTER TABLE chunk ADD COLUMN vcarry REAL",
		"ALTER TABLE chunk ADD COLUMN vrise REAL",
		// attributes is a JSON object or empty. Deleted machines keep their row
		// because they keep their history.
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
		// retention is in milliseconds; 0 is the default, -1 is forever.
		"ALTER TABLE series ADD COLUMN unit TEXT NOT NULL DEFAULT ''",
		"ALTER TABLE series ADD COLUMN kind TEXT NOT NULL DEFAULT 'gauge'",
		"ALTER TABLE series ADD COLUMN expected_min REAL",
		"ALTER TABLE series ADD COLUMN expected_max REAL",
		"ALTER TABLE series ADD COLUMN retention INTEGER NOT NULL DEFAULT 0",
		"ALTER TABLE series ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
		"ALTER TABLE series ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0",
		"ALTER TABLE series ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0",
		"UPDATE series SET created_at = unixepoch() * 1000, updated_at = unixepoch() * 1000",
		// Series of purged machines, until their chunks and the log rows up to
		// seq are deleted.
		`CREATE TABLE purged (
			series_id INTEGER PRIMARY KEY,
			seq       INTEGER NOT NULL
		) STRICT`,
		// Summaries of windows of one series; see rollup_builder.go.
		`CREATE TABLE rollup (
			id        INTEGER PRIMARY KEY,
			series_id INTEGER NOT NULL,
			level     INTEGER NOT NULL,
			t0        INTEGER NOT NULL,
			data      BLOB NOT NULL,
			UNIQUE (series_id, level, t0)
		) STRICT`,
		// Damaged chunks and log rows, unchanged.
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
	{
		// data is a JSON object as it was written, hence no TEXT. Deleted documents
		// keep their row, so that their versions continue.
		`CREATE TABLE document (
			kind       TEXT NOT NULL,
			id         TEXT NOT NULL,
			version    INTEGER NOT NULL,
			created_at INTEGER NOT NULL,
			updated_at INTEGER NOT NULL,
			deleted    INTEGER NOT NULL,
			data       BLOB NOT NULL,
			PRIMARY KEY (kind, id)
		) STRICT, WITHOUT ROWID`,
		`CREATE TABLE event (
			seq      INTEGER PRIMARY KEY,
			machine  TEXT NOT NULL,
			kind     TEXT NOT NULL,
			subject  TEXT NOT NULL,
			ts       INTEGER NOT NULL,
			received INTEGER NOT NULL,
			id       TEXT NOT NULL,
			author   TEXT NOT NULL,
			replaces TEXT NOT NULL,
			follows  INTEGER NOT NULL,
			data     BLOB NOT NULL
		) STRICT`,
		"CREATE UNIQUE INDEX event_id ON event (machine, id)",
		"CREATE UNIQUE INDEX event_replaces ON event (machine, replaces) WHERE replaces <> ''",
		"CREATE UNIQUE INDEX event_follows ON event (machine, follows) WHERE follows <> 0",
		"CREATE INDEX event_time ON event (machine, ts)",
		"CREATE INDEX event_subject ON event (kind, machine, subject, ts)",
		documentRegistry,
		"CREATE TABLE named (id INTEGER PRIMARY KEY, machine TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (machine, metric)) STRICT",
		"INSERT INTO named SELECT id, machine, metric FROM series",
		"DROP TABLE series",
		"ALTER TABLE named RENAME TO series",
		"DROP TABLE machine",
	},
}
