-- What people who know say that an incident was: only ever added to. applied
-- is 1 once the record of the incident says so too.
CREATE TABLE truths (
	id       INTEGER PRIMARY KEY, -- order of arrival
	incident TEXT NOT NULL REFERENCES incidents (id),
	cause    TEXT NOT NULL,
	who      TEXT NOT NULL,
	how      TEXT NOT NULL,
	at       INTEGER NOT NULL,
	note     TEXT NOT NULL,
	applied  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX truths_by_incident ON truths (incident, id);
CREATE INDEX truths_waiting ON truths (id) WHERE applied = 0;
CREATE TRIGGER truths_are_never_changed BEFORE UPDATE OF incident, cause, who, how, at, note ON truths BEGIN
	SELECT RAISE(ABORT, 'truths are only added to');
END;
CREATE TRIGGER truths_are_never_shortened BEFORE DELETE ON truths BEGIN
	SELECT RAISE(ABORT, 'truths are only added to');
END;
