-- Purpose: which prepared transaction is behind locks that have no process.
-- Columns: kind, virtualtransaction (as pg_locks has it), gid, prepared, owner.
-- Versions: 13 to 18.
SELECT 'prepared' AS kind, l.virtualtransaction, p.gid, p.prepared, p.owner::text
  FROM pg_locks l
  JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
 WHERE l.locktype = 'transactionid' AND l.pid IS NULL;
