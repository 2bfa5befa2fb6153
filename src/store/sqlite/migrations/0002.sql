-- What a person ends: the sessions that are theirs, and what was granted in one, or to one application.

CREATE INDEX sessions_of_user ON sessions (user_uid, issuer, auth_time, id);

CREATE INDEX families_of_user ON families (user_uid, application_uid, issuer) WHERE revoked_at IS NULL;
CREATE INDEX families_of_session ON families (session) WHERE revoked_at IS NULL AND generation IS NULL;

-- By whom a code that nobody has redeemed yet was granted, to whom, and in which session. Codes that were issued before
-- have none of it, and a minute to live.
ALTER TABLE codes ADD COLUMN issuer TEXT;
ALTER TABLE codes ADD COLUMN user_uid TEXT;
ALTER TABLE codes ADD COLUMN application_uid TEXT;
ALTER TABLE codes ADD COLUMN session BLOB;

CREATE INDEX codes_of_user ON codes (user_uid, application_uid, issuer) WHERE spent_at IS NULL;
CREATE INDEX codes_of_session ON codes (session) WHERE spent_at IS NULL;
