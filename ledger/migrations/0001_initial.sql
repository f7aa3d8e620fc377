-- Times are milliseconds since 1970, UTC. Changes of incidents and the audit
-- are only ever added to.

-- The newest state of each incident: what a query needs. The rest is the body
-- of the change with the same revision.
CREATE TABLE incidents (
	id       TEXT PRIMARY KEY,
	site     TEXT NOT NULL,
	starts   INTEGER NOT NULL,
	ends     INTEGER NOT NULL, -- 9223372036854775807 while it goes on: later than every time asked for
	revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_end ON incidents (ends, starts);
CREATE INDEX incidents_by_site ON incidents (site, ends, starts);

-- Every revision, and the outbox: what nobody was told of yet has routed = 0.
CREATE TABLE changes (
	id       INTEGER PRIMARY KEY, -- order of recording
	incident TEXT NOT NULL REFERENCES incidents (id),
	revision INTEGER NOT NULL,
	routed   INTEGER NOT NULL DEFAULT 0,
	body     TEXT NOT NULL, -- JSON
	UNIQUE (incident, revision)
) STRICT;
CREATE INDEX changes_unrouted ON changes (id) WHERE routed = 0;

CREATE TABLE deliveries (
	id         INTEGER PRIMARY KEY, -- order of planning
	incident   TEXT NOT NULL,
	revision   INTEGER NOT NULL,
	receiver   TEXT NOT NULL,
	channel    TEXT NOT NULL,
	why        TEXT NOT NULL,
	state      TEXT NOT NULL,
	attempts   INTEGER NOT NULL,
	not_before INTEGER NOT NULL,
	ref        TEXT NOT NULL,
	error      TEXT NOT NULL,
	at         INTEGER NOT NULL,
	UNIQUE (incident, revision, receiver, channel),
	FOREIGN KEY (incident, revision) REFERENCES changes (incident, revision)
) STRICT;
CREATE INDEX deliveries_pending ON deliveries (not_before, revision, id) WHERE state = 'pending';
CREATE INDEX deliveries_claimed ON deliveries (id) WHERE state = 'claimed';

-- What arrived, both ends included. Ranges of one (site, boot) neither overlap
-- nor touch.
CREATE TABLE seq_ranges (
	site  TEXT NOT NULL,
	boot  TEXT NOT NULL,
	first INTEGER NOT NULL,
	last  INTEGER NOT NULL,
	PRIMARY KEY (site, boot, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
	hash     BLOB PRIMARY KEY,
	site     TEXT NOT NULL,
	beat_key BLOB NOT NULL,
	note     TEXT NOT NULL,
	created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_site ON tokens (site);

CREATE TABLE facts (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;

CREATE TABLE audit (
	id     INTEGER PRIMARY KEY, -- order of entry
	at     INTEGER NOT NULL,
	who    TEXT NOT NULL,
	what   TEXT NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit BEGIN
	SELECT RAISE(ABORT, 'the audit is append-only');
END;
