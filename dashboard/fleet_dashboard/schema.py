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

SECOND = """
-- Schema 1 could give a boot a second row when it came back after a long time: the newest keeps the name.
UPDATE boot SET boot = boot || '-' || id WHERE EXISTS (
  SELECT 1 FROM boot AS later WHERE later.node = boot.node AND later.boot = boot.boot AND later.id > boot.id);
DROP INDEX boot_by_node;
CREATE UNIQUE INDEX boot_by_node ON boot(node, boot);

-- What became of every reading of a boot (fleet_dashboard/account.py), written with the rows that it counts.
-- Below next_seq each number is stored, missing or gone.
ALTER TABLE boot ADD COLUMN next_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boot ADD COLUMN floor_seq INTEGER NOT NULL DEFAULT 0;   -- below it, only the rows tell
ALTER TABLE boot ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 0;   -- by which the boot was first heard of
ALTER TABLE boot ADD COLUMN missing TEXT NOT NULL DEFAULT '';       -- JSON [[first, last], ..], or ''
ALTER TABLE boot ADD COLUMN n_missing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boot ADD COLUMN gone TEXT NOT NULL DEFAULT '';
ALTER TABLE boot ADD COLUMN gone_low INTEGER NOT NULL DEFAULT 0;    -- gone below first_seq
ALTER TABLE boot ADD COLUMN gone_high INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boot ADD COLUMN drop_low INTEGER NOT NULL DEFAULT 0;    -- of these, what the node dropped by its own count
ALTER TABLE boot ADD COLUMN drop_high INTEGER NOT NULL DEFAULT 0;
ALTER TABLE boot ADD COLUMN drops INTEGER NOT NULL DEFAULT 0;       -- that count
ALTER TABLE boot ADD COLUMN twice INTEGER NOT NULL DEFAULT 0;       -- readings that came again
ALTER TABLE boot ADD COLUMN counted INTEGER;                        -- 0: none of this can be told; NULL: not known yet
ALTER TABLE boot ADD COLUMN timed INTEGER NOT NULL DEFAULT 1;       -- 0: boot_ms is "no later than"
ALTER TABLE boot ADD COLUMN up_ms INTEGER NOT NULL DEFAULT 0;       -- the largest `up` of a boot that is not timed
CREATE INDEX boot_missing ON boot(node) WHERE n_missing > 0;

-- What is there was numbered together with messages that are no readings.
UPDATE boot SET counted = 0, next_seq = 1 + max(
  coalesce((SELECT max(id) FROM sample WHERE id BETWEEN boot.id << 32 AND boot.id << 32 | 4294967295) & 4294967295, -1),
  coalesce((SELECT max(id) FROM event WHERE id BETWEEN boot.id << 32 AND boot.id << 32 | 4294967295) & 4294967295, -1));
UPDATE boot SET floor_seq = next_seq;

-- A log message carries the number of the next reading, so it has none of its own any more.
ALTER TABLE log RENAME TO log_1;
DROP INDEX log_by_time;
CREATE TABLE log(
  id INTEGER PRIMARY KEY,
  boot INTEGER NOT NULL,
  node INTEGER NOT NULL,
  level TEXT NOT NULL,
  msg TEXT NOT NULL,
  tb TEXT NOT NULL,
  ts INTEGER NOT NULL);
INSERT INTO log(boot, node, level, msg, tb, ts) SELECT id >> 32, node, level, msg, tb, ts FROM log_1 ORDER BY ts, id;
DROP TABLE log_1;
CREATE INDEX log_by_time ON log(node, ts);

-- Written by each commit that waits for the disk, since one that changes nothing does not.
ALTER TABLE about ADD COLUMN durable_ms INTEGER NOT NULL DEFAULT 0
"""

THIRD = """
-- What charts of long ranges are drawn from, and what is left of readings that expired (store_roll.py): of each field
-- of a sensor, within a minute or an hour. There is no row where no value was read.
CREATE TABLE rollup(
  level INTEGER NOT NULL,             -- 1: a minute, 2: an hour
  sensor INTEGER NOT NULL,
  start INTEGER NOT NULL,             -- UTC ms, a whole minute or hour
  field INTEGER NOT NULL,             -- place in sensor.fields
  n INTEGER NOT NULL,
  low REAL NOT NULL,
  high REAL NOT NULL,
  total REAL,                         -- NULL where the sum is no number: inf - inf
  last REAL NOT NULL,
  last_ts INTEGER NOT NULL,
  PRIMARY KEY(level, sensor, start, field)) WITHOUT ROWID;

-- Minutes and hours whose rollup is not what the rows below it come to: marked in the transaction of those rows.
CREATE TABLE dirty(
  level INTEGER NOT NULL,
  sensor INTEGER NOT NULL,
  start INTEGER NOT NULL,
  PRIMARY KEY(level, sensor, start)) WITHOUT ROWID;
INSERT INTO dirty SELECT DISTINCT 1, sensor, ts - (ts % 60000 + 60000) % 60000 FROM sample;

-- Before these times the rows have expired (store_keep.py): the rollup is all there is.
ALTER TABLE sensor ADD COLUMN raw_from INTEGER NOT NULL DEFAULT -4611686018427387904;
ALTER TABLE sensor ADD COLUMN minutes_from INTEGER NOT NULL DEFAULT -4611686018427387904;
ALTER TABLE boot ADD COLUMN expired INTEGER NOT NULL DEFAULT 0;       -- rows that were stored and have expired
ALTER TABLE boot ADD COLUMN expired_seq INTEGER NOT NULL DEFAULT -1;  -- the highest of them
-- Of the events that have expired.
ALTER TABLE node ADD COLUMN presses INTEGER NOT NULL DEFAULT 0
"""

FOURTH = """
-- What happened in the fleet, for people and for the replay (happenings.py): nodes that come and go, alerts, commands,
-- rounds, and the dashboard's own comings and goings.
CREATE TABLE happening(
  id INTEGER PRIMARY KEY,
  ts INTEGER NOT NULL,                -- UTC ms
  until INTEGER NOT NULL,             -- of a row that stands for several: when the last was
  n INTEGER NOT NULL DEFAULT 1,       -- for how many it stands
  node TEXT NOT NULL DEFAULT '',      -- the node id or target, '' for the host itself
  kind TEXT NOT NULL,                 -- birth, state, alert, command, round, host
  word TEXT NOT NULL,                 -- which of its kind: lost, raised, started, ..
  about TEXT NOT NULL DEFAULT '',     -- kind of the alert, name of the command, challenge of the round
  state TEXT,                         -- the word of the node from then on; NULL: as before
  boot TEXT NOT NULL DEFAULT '',
  text TEXT NOT NULL DEFAULT '');
CREATE INDEX happening_by_time ON happening(ts);
CREATE INDEX happening_by_node ON happening(node, ts);
CREATE INDEX happening_by_kind ON happening(kind, ts);
CREATE INDEX happening_state ON happening(node, ts) WHERE state IS NOT NULL;

-- Of the time before: when each node was first heard of, and its last start.
INSERT INTO happening(ts, until, node, kind, word, state, boot, text)
  SELECT min(coalesce(boot_ms, seen_ms)), min(coalesce(boot_ms, seen_ms)), name, 'birth', 'new', 'online', boot.boot,
         'known from before happenings were noted'
  FROM boot JOIN node ON node.id = boot.node WHERE shown AND coalesce(boot_ms, seen_ms) IS NOT NULL GROUP BY boot.node;
INSERT INTO happening(ts, until, node, kind, word, state, boot, text)
  SELECT max(coalesce(boot_ms, seen_ms)), max(coalesce(boot_ms, seen_ms)), name, 'birth', 'boot', 'online', boot.boot,
         'known from before happenings were noted'
  FROM boot JOIN node ON node.id = boot.node WHERE shown AND coalesce(boot_ms, seen_ms) IS NOT NULL
  GROUP BY boot.node HAVING count(*) > 1
"""

MIGRATIONS = (FIRST, SECOND, THIRD, FOURTH)
