-- Purpose: which prepared transaction is behind locks that have no process; asked only when
--   there are some.
-- Columns: virtualtransaction (as pg_locks has it), gid, prepared_at, owner.
-- Versions: 13 to 18.
SELECT l.virtualtransaction, p.gid, p.prepared, p.owner::text
  FROM pg_locks l
  JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
 WHERE l.locktype = 'transactionid' AND l.pid IS NULL;
