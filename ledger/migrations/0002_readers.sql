-- Who may read the stored series by the query API: programs such as Grafana.
CREATE TABLE readers (
	name    TEXT PRIMARY KEY,
	hash    BLOB NOT NULL UNIQUE, -- SHA-256 of the token
	created INTEGER NOT NULL
) STRICT;
