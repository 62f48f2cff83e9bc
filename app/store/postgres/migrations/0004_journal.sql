-- The journal: documents with versions, and events that are only appended. data is
-- a JSON object as it was written, hence bytes. Deleted documents keep their row,
-- so that their versions continue. Texts sort by their bytes; times are Unix
-- milliseconds.
CREATE TABLE document (
	kind       text COLLATE "C" NOT NULL,
	id         text COLLATE "C" NOT NULL,
	version    bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	deleted    boolean NOT NULL,
	data       bytea NOT NULL,
	PRIMARY KEY (kind, id)
);

-- Who appends holds an advisory lock until its commit, so that events become
-- visible in the order of seq.
CREATE TABLE event (
	seq      bigint PRIMARY KEY,
	machine  text COLLATE "C" NOT NULL,
	kind     text COLLATE "C" NOT NULL,
	subject  text COLLATE "C" NOT NULL,
	ts       bigint NOT NULL,
	received bigint NOT NULL,
	id       text COLLATE "C" NOT NULL,
	author   text COLLATE "C" NOT NULL,
	replaces text COLLATE "C" NOT NULL,
	follows  bigint NOT NULL,
	data     bytea NOT NULL
);
CREATE UNIQUE INDEX event_id ON event (machine, id);
CREATE UNIQUE INDEX event_replaces ON event (machine, replaces) WHERE replaces <> '';
CREATE UNIQUE INDEX event_follows ON event (machine, follows) WHERE follows <> 0;
CREATE INDEX event_time ON event (machine, ts, seq);
CREATE INDEX event_kind ON event (kind, ts, seq);
CREATE INDEX event_subject ON event (kind, machine, subject, ts, seq);

-- signals is a JSON object as it was written; ideal_cycle is in seconds, 0 if unknown.
ALTER TABLE machine ADD COLUMN signals bytea, ADD COLUMN ideal_cycle double precision NOT NULL DEFAULT 0;
