-- Under which of their logins a person began the session. Of those that were begun before it is not known, and they end.
ALTER TABLE sessions ADD COLUMN login_epoch INTEGER NOT NULL DEFAULT 0;
