-- Who is registered. version grows with each change of a machine or a series
-- and stands in the changed column of what was changed, so that a replica can
-- ask for what is new to it; rebuilt is the version at which rows were removed
-- last, whose removal can't be seen that way.
CREATE TABLE catalog_state (
	sole    boolean PRIMARY KEY DEFAULT true CHECK (sole),
	version bigint NOT NULL,
	rebuilt bigint NOT NULL
);
INSERT INTO catalog_state (version, rebuilt) VALUES (1, 1);

-- What the leader found out; beat is written to see whether the server takes
-- writes.
CREATE TABLE upkeep_state (
	sole  boolean PRIMARY KEY DEFAULT true CHECK (sole),
	bytes bigint NOT NULL,
	beat  bigint NOT NULL
);
INSERT INTO upkeep_state (bytes, beat) VALUES (0, 0);

-- Times are Unix milliseconds, retention is nanoseconds (0 the default, -1 for
-- ever). Names sort by their bytes. A deleted machine stays, for its history.
CREATE TABLE machine (
	id         text COLLATE "C" PRIMARY KEY,
	name       text NOT NULL DEFAULT '',
	site       text COLLATE "C" NOT NULL DEFAULT '',
	area       text COLLATE "C" NOT NULL DEFAULT '',
	line       text COLLATE "C" NOT NULL DEFAULT '',
	attributes jsonb NOT NULL DEFAULT '{}',
	deleted    boolean NOT NULL DEFAULT false,
	version    bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	changed    bigint NOT NULL
);
CREATE INDEX machine_changed ON machine (changed);

CREATE TABLE series (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	machine      text COLLATE "C" NOT NULL REFERENCES machine (id),
	metric       text COLLATE "C" NOT NULL,
	unit         text NOT NULL DEFAULT '',
	kind         text NOT NULL DEFAULT 'gauge',
	expected_min double precision,
	expected_max double precision,
	retention    bigint NOT NULL DEFAULT 0,
	version      bigint NOT NULL,
	created_at   bigint NOT NULL,
	updated_at   bigint NOT NULL,
	changed      bigint NOT NULL,
	UNIQUE (machine, metric)
);
CREATE INDEX series_changed ON series (changed);

-- Series whose machine was purged; their readings still have to be removed.
CREATE TABLE purged_series (
	id bigint PRIMARY KEY
);

-- The readings, in partitions by time that reading_partition lists; the program
-- makes them. The index holds the value too: a series is read from the index
-- alone, in order, wherever its rows lie.
CREATE TABLE reading (
	series_id bigint NOT NULL,
	at        bigint NOT NULL,
	value     double precision NOT NULL,
	PRIMARY KEY (series_id, at) INCLUDE (value)
) PARTITION BY RANGE (at);

-- tidied is the catalog's version at which what had expired was last removed
-- from a partition that is past the default retention.
CREATE TABLE reading_partition (
	start  bigint PRIMARY KEY,
	finish bigint NOT NULL CHECK (finish > start),
	name   text NOT NULL UNIQUE,
	tidied bigint NOT NULL DEFAULT 0
);

-- The newest reading of each series by observation time. The free space lets
-- most updates stay on their page.
CREATE TABLE latest (
	series_id bigint PRIMARY KEY,
	at        bigint NOT NULL,
	value     double precision NOT NULL
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Stores readings, of which each key may occur once, in order of the key, and
-- the newest of each series; false if the caller does not know the present
-- catalog. The guard is held shared until the end of the transaction; who
-- changes the catalog holds it alone.
CREATE FUNCTION append_readings(
	known bigint, guard bigint,
	ids bigint[], times bigint[], vals double precision[],
	newest_ids bigint[], newest_times bigint[], newest_vals double precision[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(guard);
	IF (SELECT version FROM catalog_state) <> known THEN
		RETURN false;
	END IF;
	INSERT INTO reading AS r (series_id, at, value)
		SELECT * FROM unnest(ids, times, vals)
		ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value;
	INSERT INTO latest AS l (series_id, at, value)
		SELECT * FROM unnest(newest_ids, newest_times, newest_vals)
		ON CONFLICT (series_id) DO UPDATE SET at = excluded.at, value = excluded.value
		WHERE excluded.at >= l.at;
	RETURN true;
END $$;
