-- Which applications have yet to hear that a session ended: a row comes in the transaction that ends it. Whoever takes one
-- up moves `due_at` on and counts `attempt`, and changes nothing by a number that is not the latest.
CREATE TABLE logouts (
    session BLOB NOT NULL,
    application_uid TEXT NOT NULL,
    client TEXT NOT NULL,
    sid BLOB NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (session, application_uid)
) STRICT, WITHOUT ROWID;

CREATE INDEX logouts_due ON logouts (due_at);
CREATE INDEX logouts_of_application ON logouts (application_uid);
