-- Rollups: what the readings of an hour of a series come to, and of each of
-- its minutes. They are a copy that saves time: an hour that has none is read
-- from the readings. The package's DESIGN.md says why one that counts is right.

-- rollup_epoch numbers the marks in rollup_due; no hour from rolled_before on
-- has a rollup.
ALTER TABLE catalog_state
	ADD COLUMN rollup_epoch bigint NOT NULL DEFAULT 1,
	ADD COLUMN rolled_before bigint NOT NULL DEFAULT -9223372036854775808;

-- Hours of a partition before rolled may have rollups. Those from sweep_from to
-- rolled are being made: all series before sweep_series are done, and that one
-- up to sweep_at; null is all.
ALTER TABLE reading_partition
	ADD COLUMN rolled bigint NOT NULL DEFAULT -9223372036854775808,
	ADD COLUMN sweep_from bigint NOT NULL DEFAULT -9223372036854775808,
	ADD COLUMN sweep_series bigint,
	ADD COLUMN sweep_at bigint NOT NULL DEFAULT -9223372036854775808;

-- An hour of a series from start on. carry is what sum lacks to be exact;
-- minutes has the minutes in a form of the program's own, null where they
-- would save little.
CREATE TABLE rollup (
	series_id   bigint NOT NULL,
	start       bigint NOT NULL,
	points      bigint NOT NULL,
	least       double precision NOT NULL,
	greatest    double precision NOT NULL,
	sum         double precision NOT NULL,
	carry       double precision NOT NULL,
	first_at    bigint NOT NULL,
	first_value double precision NOT NULL,
	last_at     bigint NOT NULL,
	last_value  double precision NOT NULL,
	increase    double precision NOT NULL,
	minutes     bytea,
	PRIMARY KEY (series_id, start)
);
ALTER TABLE rollup ALTER COLUMN minutes SET STORAGE EXTERNAL;
CREATE INDEX rollup_start ON rollup (start);

-- Hours whose rollup does not count, because readings of them came after it
-- may have been made; in which epoch.
CREATE TABLE rollup_due (
	series_id bigint NOT NULL,
	start     bigint NOT NULL,
	epoch     bigint NOT NULL,
	PRIMARY KEY (series_id, start, epoch)
);

-- Whoever drops a partition drops its rollups.
CREATE FUNCTION forget_rollups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM rollup WHERE start >= OLD.start AND start < OLD.finish;
	DELETE FROM rollup_due WHERE start >= OLD.start AND start < OLD.finish;
	RETURN NULL;
END $$;
CREATE TRIGGER forget_rollups AFTER DELETE ON reading_partition
	FOR EACH ROW EXECUTE FUNCTION forget_rollups();

-- Stores readings as before. oldest is a time that none of them is before;
-- those of hours that may have a rollup are marked.
CREATE FUNCTION append_readings(
	known bigint, guard bigint, oldest bigint,
	ids bigint[], times bigint[], vals double precision[],
	newest_ids bigint[], newest_times bigint[], newest_vals double precision[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	present catalog_state%ROWTYPE;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(guard);
	SELECT * INTO present FROM catalog_state;
	IF present.version <> known THEN
		RETURN false;
	END IF;
	INSERT INTO reading AS r (series_id, at, value)
		SELECT * FROM unnest(ids, times, vals)
		ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value;
	INSERT INTO latest AS l (series_id, at, value)
		SELECT * FROM unnest(newest_ids, newest_times, newest_vals)
		ON CONFLICT (series_id) DO UPDATE SET at = excluded.at, value = excluded.value
		WHERE excluded.at >= l.at;
	IF oldest < present.rolled_before THEN
		INSERT INTO rollup_due (series_id, start, epoch)
			SELECT DISTINCT n.series_id, n.at - n.at % 3600000, present.rollup_epoch
			FROM (
				SELECT start, rolled FROM reading_partition
				WHERE rolled > oldest AND start <= (SELECT max(t) FROM unnest(newest_times) AS t)
			) p JOIN unnest(ids, times) AS n(series_id, at) ON n.at >= p.start AND n.at < p.rolled
			ORDER BY 1, 2
			ON CONFLICT DO NOTHING;
	END IF;
	RETURN true;
END $$;

-- The form that the previous release calls.
CREATE OR REPLACE FUNCTION append_readings(
	known bigint, guard bigint,
	ids bigint[], times bigint[], vals double precision[],
	newest_ids bigint[], newest_times bigint[], newest_vals double precision[]
) RETURNS boolean LANGUAGE sql AS $$
	SELECT append_readings(known, guard, (SELECT min(t) FROM unnest(times) AS t),
		ids, times, vals, newest_ids, newest_times, newest_vals);
$$;
