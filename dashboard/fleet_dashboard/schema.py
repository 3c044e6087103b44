"""The database's schema, one script a version. A script that was released is never changed: add the next one."""

from __future__ import annotations

COLUMNS = 16  # the most fields a sensor can have by the contract (F-TELE-1)

_VALUES = ", ".join(f"v{place} REAL" for place in range(COLUMNS))

FIRST = f"""
-- Names this database, so that the broker keeps one session for it: lower-case hex.
CREATE TABLE about(instance TEXT NOT NULL);
INSERT INTO about VALUES(lower(hex(randomblob(4))));

CREATE TABLE node(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,          -- the node id of the topics
  meta TEXT,                          -- its last birth certificate, JSON
  shown INTEGER NOT NULL DEFAULT 1);  -- 0: forgotten

CREATE TABLE boot(
  id INTEGER PRIMARY KEY,
  node INTEGER NOT NULL REFERENCES node,
  boot TEXT NOT NULL,
  boot_ms INTEGER,                    -- UTC ms at which `up` was 0, as far as we know
  seen_ms INTEGER);
CREATE INDEX boot_by_node ON boot(node, boot);

CREATE TABLE sensor(
  id INTEGER PRIMARY KEY,
  node INTEGER NOT NULL REFERENCES node,
  name TEXT NOT NULL,
  fields TEXT NOT NULL,               -- JSON array: the names of v0, v1, ..
  UNIQUE(node, name));

CREATE TABLE sample(
  id INTEGER PRIMARY KEY,             -- boot << 32 | seq
  sensor INTEGER NOT NULL,
  up INTEGER NOT NULL,                -- ms since that boot, as the node said
  ts INTEGER NOT NULL,                -- UTC ms, derived from `up`
  {_VALUES});
CREATE INDEX sample_by_time ON sample(sensor, ts);

CREATE TABLE event(
  id INTEGER PRIMARY KEY,             -- boot << 32 | seq
  node INTEGER NOT NULL,
  input TEXT NOT NULL,
  type TEXT NOT NULL,
  n INTEGER NOT NULL,
  up INTEGER NOT NULL,
  ts INTEGER NOT NULL);
CREATE INDEX event_by_time ON event(node, ts);

CREATE TABLE log(
  id INTEGER PRIMARY KEY,             -- boot << 32 | seq
  node INTEGER NOT NULL,
  level TEXT NOT NULL,
  msg TEXT NOT NULL,
  tb TEXT NOT NULL,
  ts INTEGER NOT NULL);
CREATE INDEX log_by_time ON log(node, ts);

-- For people with a sqlite3 shell: SELECT * FROM reading WHERE node = 'ada' LIMIT 10;
CREATE VIEW reading AS
  SELECT node.name AS node, sensor.name AS sensor, datetime(sample.ts / 1000, 'unixepoch') AS utc, sensor.fields,
         v0, v1, v2, v3, sample.ts, boot.boot, sample.id & 4294967295 AS seq
  FROM sample JOIN sensor ON sensor.id = sample.sensor JOIN node ON node.id = sensor.node
              JOIN boot ON boot.id = sample.id >> 32
"""

MIGRATIONS = (FIRST,)
