-- Which applications somebody was logged in to from a session; they go with it. `sid` is the session by which the
-- application knows the login: it stays as it was when the session gets another row.
CREATE TABLE session_clients (
    session BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    application_uid TEXT NOT NULL,
    client TEXT NOT NULL,
    sid BLOB NOT NULL,
    PRIMARY KEY (session, application_uid)
) STRICT, WITHOUT ROWID;
