-- Identifiers are UUIDs of version 7, so that new rows go to the end of each tree. Times are milliseconds since 1970.
-- `granted`, `challenge` and `amr` are JSON; what a condition needs has a column of its own. Rows are wide, so tables are
-- kept by rowid: with WITHOUT ROWID a write costs half as much again, since whole rows stand in the inner nodes.

CREATE TABLE codes (
    id BLOB NOT NULL PRIMARY KEY,
    proof BLOB NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT,
    granted TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    family BLOB NOT NULL,
    spent_at INTEGER
) STRICT;

CREATE INDEX codes_unspent ON codes (expires_at) WHERE spent_at IS NULL;
CREATE INDEX codes_spent ON codes (family) WHERE spent_at IS NOT NULL;

CREATE TABLE families (
    id BLOB NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    user_uid TEXT NOT NULL,
    application_uid TEXT NOT NULL,
    session BLOB,
    granted TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    generation INTEGER,
    reached_at INTEGER,
    revoked_at INTEGER,
    CHECK ((generation IS NULL) = (reached_at IS NULL))
) STRICT;

CREATE INDEX families_expiry ON families (expires_at);

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    proof BLOB NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_uid TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    amr TEXT NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What may be used once, by a hash: it comes in no order.
CREATE TABLE used (
    id BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_expiry ON used (expires_at);

CREATE TABLE consents (
    id INTEGER NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    user_uid TEXT NOT NULL,
    application_uid TEXT NOT NULL,
    client TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    UNIQUE (user_uid, application_uid, issuer)
) STRICT;

-- One row for each scope: the union of two grants is two inserts, and no statement reads before it writes.
CREATE TABLE consent_scopes (
    consent INTEGER NOT NULL REFERENCES consents (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    PRIMARY KEY (consent, scope)
) STRICT, WITHOUT ROWID;
