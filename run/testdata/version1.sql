CREATE TABLE summit_schema (room TEXT NOT NULL, version INTEGER NOT NULL);
INSERT INTO summit_schema VALUES ('run', 1);
CREATE TABLE runs (
	seq        INTEGER PRIMARY KEY,
	id         TEXT    NOT NULL UNIQUE,
	request_id TEXT    NOT NULL,
	at         INTEGER NOT NULL,
	tenant     TEXT    NOT NULL,
	key_id     TEXT    NOT NULL,
	protocol   TEXT    NOT NULL,
	model      TEXT    NOT NULL,
	stream     INTEGER NOT NULL,
	status     INTEGER NOT NULL,
	error      TEXT    NOT NULL,
	ttft_us    INTEGER NOT NULL,
	took_us    INTEGER NOT NULL,
	outcome    TEXT
) STRICT;
INSERT INTO runs VALUES (7, 'run-a', 'req-a', 1795161600000, 'lab', 'key_x', 'openai', 'summit', 1, 200, '', 1500, 2000000, '{"member":"summit"}');
INSERT INTO runs VALUES (8, 'run-b', 'req-b', 1795161600001, 'default', '', 'openai', 'summit', 0, 502, 'cut', 0, 1000, NULL);
