-- Purpose: version 2 of the history: the ticks of schedules that were claimed, and the runs
--   of tasks. Run once, after version 1, in the transaction that also notes the version.
-- Versions: 13 to 18.
CREATE TABLE driftgate.ticks (
    class         text        COLLATE "C" NOT NULL,
    tick          timestamptz NOT NULL,
    claimed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id        uuid        NOT NULL,
    scheduler_id  uuid        NOT NULL,
    missed        bigint      NOT NULL,
    ended_at      timestamptz,
    outcome       text,
    message       text,
    role_name     text        NOT NULL DEFAULT current_user,
    tool_version  text        NOT NULL,
    CONSTRAINT ticks_pkey PRIMARY KEY (class, tick),
    CONSTRAINT ticks_missed_check CHECK (missed >= 0),
    CONSTRAINT ticks_outcome_check CHECK (outcome IN (
        'SUCCESS', 'PARTIAL', 'FAILED', 'OVERLAPPED', 'BACKED_OFF', 'CANCELLED')),
    CONSTRAINT ticks_ended_check CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- What is older than it need be.
CREATE INDEX ticks_claimed_idx ON driftgate.ticks (claimed_at);

COMMENT ON TABLE driftgate.ticks IS
    'One row for each tick of a class of [schedules] that a scheduler claimed. Whoever adds '
    'the row dispatches the tick, and nobody else.';
COMMENT ON COLUMN driftgate.ticks.class IS 'The class of [schedules].';
COMMENT ON COLUMN driftgate.ticks.tick IS 'When it was to be dispatched.';
COMMENT ON COLUMN driftgate.ticks.claimed_at IS 'When it was claimed, by the clock of the server.';
COMMENT ON COLUMN driftgate.ticks.run_id IS
    'The run of this tick; the refreshes and tasks of it have the same.';
COMMENT ON COLUMN driftgate.ticks.scheduler_id IS 'The run of the scheduler that claimed it.';
COMMENT ON COLUMN driftgate.ticks.missed IS
    'How many ticks right before it nobody claimed: they collapsed into this one.';
COMMENT ON COLUMN driftgate.ticks.ended_at IS
    'When its work ended, by the clock of the server; null: it goes on, or was cut off.';
COMMENT ON COLUMN driftgate.ticks.outcome IS 'What came of it, such as SUCCESS or OVERLAPPED.';
COMMENT ON COLUMN driftgate.ticks.message IS 'Why it was not a success; never row data.';
COMMENT ON COLUMN driftgate.ticks.role_name IS 'The role that claimed it (current_user).';
COMMENT ON COLUMN driftgate.ticks.tool_version IS 'The version of driftgate.';

CREATE TABLE driftgate.task_runs (
    id            uuid        NOT NULL CONSTRAINT task_runs_pkey PRIMARY KEY,
    run_id        uuid        NOT NULL,
    task          text        COLLATE "C" NOT NULL,
    outcome       text        NOT NULL,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms   bigint      NOT NULL,
    lock_key      bigint      NOT NULL,
    sqlstate      text,
    message       text,
    role_name     text        NOT NULL DEFAULT current_user,
    tool_version  text        NOT NULL,
    CONSTRAINT task_runs_outcome_check CHECK (outcome IN (
        'SUCCESS', 'LOCK_TIMEOUT', 'TIMED_OUT', 'CANCELLED', 'FAILED')),
    CONSTRAINT task_runs_duration_ms_check CHECK (duration_ms >= 0)
);

-- The last run of a task.
CREATE INDEX task_runs_task_idx ON driftgate.task_runs (task, finished_at DESC);
-- What is older than it need be.
CREATE INDEX task_runs_finished_idx ON driftgate.task_runs (finished_at);

COMMENT ON TABLE driftgate.task_runs IS
    'One row for each run of a [[task]]. A success is written in the transaction of the task.';
COMMENT ON COLUMN driftgate.task_runs.id IS 'The id of this run of the task.';
COMMENT ON COLUMN driftgate.task_runs.run_id IS 'The run of the tick that it belongs to.';
COMMENT ON COLUMN driftgate.task_runs.task IS 'The name of the [[task]].';
COMMENT ON COLUMN driftgate.task_runs.outcome IS 'What came of it, such as SUCCESS or FAILED.';
COMMENT ON COLUMN driftgate.task_runs.started_at IS 'When it began, by the clock of the client.';
COMMENT ON COLUMN driftgate.task_runs.finished_at IS
    'When this row was written, by the clock of the server.';
COMMENT ON COLUMN driftgate.task_runs.duration_ms IS
    'How long it took in milliseconds, by the clock of the client.';
COMMENT ON COLUMN driftgate.task_runs.lock_key IS 'The key of its advisory lock.';
COMMENT ON COLUMN driftgate.task_runs.sqlstate IS 'The SQLSTATE that the server sent, if any.';
COMMENT ON COLUMN driftgate.task_runs.message IS
    'What went wrong; never DETAIL, which may hold rows.';
COMMENT ON COLUMN driftgate.task_runs.role_name IS 'The role that ran it (current_user).';
COMMENT ON COLUMN driftgate.task_runs.tool_version IS 'The version of driftgate.';
