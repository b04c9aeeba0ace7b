-- Purpose: version 1 of the history, in the schema driftgate, which is there. Run once, in
--   the transaction that also notes the version; what it makes belongs to who installs it.
-- Versions: 13 to 18. Names are kept in collation "C", as the catalog's own are, so that
--   an index serves a comparison with them.
CREATE TABLE driftgate.versions (
    version      int         NOT NULL CONSTRAINT versions_pkey PRIMARY KEY
                             CONSTRAINT versions_version_check CHECK (version > 0),
    installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    role_name    text        NOT NULL DEFAULT current_user,
    tool_version text        NOT NULL
);
COMMENT ON TABLE driftgate.versions IS
    'The versions of this schema that were installed; the highest is what it is now.';
COMMENT ON COLUMN driftgate.versions.version IS 'The number of the version, from 1.';
COMMENT ON COLUMN driftgate.versions.installed_at IS 'When it was installed.';
COMMENT ON COLUMN driftgate.versions.role_name IS 'The role that installed it.';
COMMENT ON COLUMN driftgate.versions.tool_version IS 'The version of driftgate that installed it.';

CREATE TABLE driftgate.refreshes (
    id             uuid        NOT NULL CONSTRAINT refreshes_pkey PRIMARY KEY,
    run_id         uuid        NOT NULL,
    correlation_id text        NOT NULL,
    view_schema    text        COLLATE "C" NOT NULL,
    view_name      text        COLLATE "C" NOT NULL,
    view_oid       oid,
    view_xmin      xid,
    tenant         text,
    outcome        text        NOT NULL,
    mode           text        NOT NULL,
    started_at     timestamptz NOT NULL,
    as_of          timestamptz,
    finished_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms    bigint      NOT NULL,
    waited_ms      bigint      NOT NULL,
    rows_before    bigint,
    rows_after     bigint,
    tenants_before bigint,
    tenants_after  bigint,
    lock_scheme    text        NOT NULL,
    lock_key       bigint[]    NOT NULL,
    lock_name      text        NOT NULL,
    sqlstate       text,
    message        text,
    hint           text,
    role_name      text        NOT NULL DEFAULT current_user,
    server_version text        NOT NULL DEFAULT current_setting('server_version'),
    tool_version   text        NOT NULL,
    CONSTRAINT refreshes_outcome_check CHECK (outcome IN (
        'SUCCESS', 'SKIPPED_LOCK_HELD', 'SKIPPED_FRESH', 'SKIPPED_UPSTREAM', 'LOCK_TIMEOUT',
        'TIMED_OUT', 'REFUSED_UNSAFE', 'REFUSED_UNFIT', 'ROLLED_BACK', 'CANCELLED',
        'NOT_REACHED', 'FAILED')),
    CONSTRAINT refreshes_mode_check CHECK (mode IN ('concurrently', 'plain', 'first-fill')),
    CONSTRAINT refreshes_lock_check CHECK (
        lock_scheme IN ('int32', 'int64') AND cardinality(lock_key) = 1
        OR lock_scheme = 'int32-pair' AND cardinality(lock_key) = 2),
    CONSTRAINT refreshes_durations_check CHECK (duration_ms >= 0 AND waited_ms >= 0),
    CONSTRAINT refreshes_counts_check CHECK (
        rows_before >= 0 AND rows_after >= 0 AND tenants_before >= 0 AND tenants_after >= 0),
    CONSTRAINT refreshes_sqlstate_check CHECK (sqlstate ~ '^[0-9A-Z]{5}$'),
    CONSTRAINT refreshes_success_check CHECK (
        outcome <> 'SUCCESS'
        OR as_of IS NOT NULL AND view_oid IS NOT NULL AND view_xmin IS NOT NULL
           AND sqlstate IS NULL)
);

-- The last success of a view.
CREATE INDEX refreshes_success_idx
    ON driftgate.refreshes (view_schema, view_name, finished_at DESC) WHERE outcome = 'SUCCESS';
-- What went wrong with it since.
CREATE INDEX refreshes_failure_idx
    ON driftgate.refreshes (view_schema, view_name, finished_at DESC) WHERE outcome <> 'SUCCESS';
-- Everything of a run.
CREATE INDEX refreshes_run_idx ON driftgate.refreshes (run_id);
-- The newest of all, and what is older than it need be.
CREATE INDEX refreshes_finished_idx ON driftgate.refreshes (finished_at);

COMMENT ON TABLE driftgate.refreshes IS
    'One row for each refresh of a materialized view that driftgate did or tried. A success '
    'is written in the transaction of the refresh itself. Holds no data of the views.';
COMMENT ON COLUMN driftgate.refreshes.id IS 'The id of this refresh, made by the client.';
COMMENT ON COLUMN driftgate.refreshes.run_id IS
    'The run of the program; all sessions, reports and rows of one run share it.';
COMMENT ON COLUMN driftgate.refreshes.correlation_id IS
    'What joins this refresh with the logs of whoever asked for it.';
COMMENT ON COLUMN driftgate.refreshes.view_schema IS 'The schema of the view, unquoted.';
COMMENT ON COLUMN driftgate.refreshes.view_name IS 'The name of the view, unquoted.';
COMMENT ON COLUMN driftgate.refreshes.view_oid IS 'The object id of the view.';
COMMENT ON COLUMN driftgate.refreshes.view_xmin IS
    'pg_class.xmin of the view right after a success: while it is the same and view_oid too, '
    'nobody has refreshed or altered the view since. Null unless it was a success.';
COMMENT ON COLUMN driftgate.refreshes.tenant IS
    'The tenant whose view it is; null for a view that tenants share.';
COMMENT ON COLUMN driftgate.refreshes.outcome IS 'What came of it, such as SUCCESS or TIMED_OUT.';
COMMENT ON COLUMN driftgate.refreshes.mode IS
    'concurrently: readers go on; plain: readers wait; first-fill: nobody could read it yet.';
COMMENT ON COLUMN driftgate.refreshes.started_at IS
    'When it began, waiting included, by the clock of the client.';
COMMENT ON COLUMN driftgate.refreshes.as_of IS
    'The instant whose rows the view holds, by the clock of the server: what was committed '
    'later is not in it. Null unless the refresh itself began.';
COMMENT ON COLUMN driftgate.refreshes.finished_at IS
    'When this row was written, right before the commit, by the clock of the server.';
COMMENT ON COLUMN driftgate.refreshes.duration_ms IS
    'How long it took in milliseconds, by the clock of the client; the wait for its advisory '
    'lock is left out.';
COMMENT ON COLUMN driftgate.refreshes.waited_ms IS
    'How long it waited for its advisory lock, in milliseconds.';
COMMENT ON COLUMN driftgate.refreshes.rows_before IS 'Rows before; null: not counted.';
COMMENT ON COLUMN driftgate.refreshes.rows_after IS 'Rows after; null: not counted.';
COMMENT ON COLUMN driftgate.refreshes.tenants_before IS 'Tenants before; null: not counted.';
COMMENT ON COLUMN driftgate.refreshes.tenants_after IS 'Tenants after; null: not counted.';
COMMENT ON COLUMN driftgate.refreshes.lock_scheme IS 'How the key of its advisory lock was made.';
COMMENT ON COLUMN driftgate.refreshes.lock_key IS
    'The key of its advisory lock: one bigint, or two int4.';
COMMENT ON COLUMN driftgate.refreshes.lock_name IS 'What the key stands for, in words.';
COMMENT ON COLUMN driftgate.refreshes.sqlstate IS 'The SQLSTATE that the server sent, if any.';
COMMENT ON COLUMN driftgate.refreshes.message IS
    'Why it was not done or what went wrong; never DETAIL, which may hold rows.';
COMMENT ON COLUMN driftgate.refreshes.hint IS 'What to do about it.';
COMMENT ON COLUMN driftgate.refreshes.role_name IS 'The role that did it (current_user).';
COMMENT ON COLUMN driftgate.refreshes.server_version IS 'The version of the server.';
COMMENT ON COLUMN driftgate.refreshes.tool_version IS 'The version of driftgate.';
