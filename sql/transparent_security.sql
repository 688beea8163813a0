-- Plain SELECTs of tables with row security: policies are conditions as others.

SET client_min_messages = warning;
CREATE ROLE regress_ts_a;
CREATE ROLE regress_ts_b;
CREATE ROLE regress_ts_staff;
CREATE TABLE ts (id int PRIMARY KEY, owner text, tenant int, v text);
INSERT INTO ts SELECT g, CASE WHEN g % 2 = 0 THEN 'regress_ts_a' ELSE 'regress_ts_b' END, g % 3, 'v' || g
	FROM generate_series(1, 12) g;
CREATE TABLE ts_members (who text, tenant int);
INSERT INTO ts_members VALUES ('regress_ts_a', 0), ('regress_ts_b', 1);
ALTER TABLE ts ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON ts, ts_members, cache_stats TO regress_ts_a, regress_ts_b;
-- Sends a statement three times, as an application does.
CREATE PROCEDURE ts_send(statement text) LANGUAGE plpgsql AS $$
DECLARE before bigint; first text; next text; same bool := true;
BEGIN
	SELECT l1_hits INTO before FROM cache_stats WHERE cache = '*';
	FOR i IN 1 .. 3 LOOP
		COMMIT;
		EXECUTE 'SELECT array_agg(x)::text FROM (' || statement || ') x' INTO next;
		first := coalesce(first, next);
		same := same AND next = first;
	END LOOP;
	RAISE WARNING '%, % hits: %', CASE WHEN same THEN 'same' ELSE 'DIFFERENT' END,
		(SELECT l1_hits - before FROM cache_stats WHERE cache = '*'), next;
END $$;
SET cachefront.transparent_min_saving = 0;
SET cachefront.transparent = auto;

-- By who asks.
CREATE POLICY ts_own ON ts USING (owner = current_user);
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ROLE regress_ts_b;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
CALL ts_send('SELECT count(*), min(id) FROM ts');
UPDATE ts SET owner = 'regress_ts_a' WHERE id = 1;
SET ROLE regress_ts_b;
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
-- one plan, two roles
PREPARE ts_plan AS SELECT count(*), min(id) FROM ts;
EXECUTE ts_plan;
SET ROLE regress_ts_b;
EXECUTE ts_plan;
EXECUTE ts_plan;
SET ROLE regress_ts_a;
EXECUTE ts_plan;
RESET ROLE;
EXECUTE ts_plan;
DEALLOCATE ts_plan;
-- the setting that would make it an error counts
SET ROLE regress_ts_a;
SET row_security = off;
SELECT count(*), min(id) FROM ts;
RESET row_security;
SELECT count(*), min(id) FROM ts;
RESET ROLE;

-- What policies are like, and whom they are for, drops it.
ALTER POLICY ts_own ON ts USING (owner = current_user AND id > 4);
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
ALTER ROLE regress_ts_a BYPASSRLS;
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
ALTER ROLE regress_ts_a NOBYPASSRLS;
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
CREATE POLICY ts_staff ON ts TO regress_ts_staff USING (true);
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
GRANT regress_ts_staff TO regress_ts_a;
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
REVOKE regress_ts_staff FROM regress_ts_a;
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
DROP POLICY ts_staff ON ts;

-- By a setting.
DROP POLICY ts_own ON ts;
CREATE POLICY ts_tenant ON ts USING (tenant = current_setting('ts.tenant')::int);
SET ROLE regress_ts_a;
SELECT count(*) FROM ts;
SET ts.tenant = 0;
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ts.tenant = 1;
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ts.tenant = 0;
CALL ts_send('SELECT count(*), min(id) FROM ts');
BEGIN;
SET LOCAL ts.tenant = 2;
SELECT count(*), min(id) FROM ts;
COMMIT;
SELECT count(*), min(id) FROM ts;
-- the same by a function, and a setting that is named by a column
RESET ROLE;
CREATE FUNCTION ts_tenant() RETURNS int STABLE LANGUAGE plpgsql AS $$BEGIN RETURN current_setting('ts.tenant', true)::int; END$$;
ALTER POLICY ts_tenant ON ts USING (tenant = ts_tenant());
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ts.tenant = 1;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
ALTER POLICY ts_tenant ON ts USING (current_setting('ts.' || v, true) = 'yes');
SET ROLE regress_ts_a;
SET ts.v1 = 'yes';
CALL ts_send('SELECT count(*), min(id) FROM ts');
SET ts.v2 = 'yes';
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;

-- By another table, which counts as one that the statement reads; also behind a function.
ALTER POLICY ts_tenant ON ts USING (tenant IN (SELECT m.tenant FROM ts_members m WHERE m.who = current_user));
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
UPDATE ts_members SET tenant = 2 WHERE who = 'regress_ts_a';
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
CREATE FUNCTION ts_of(who text) RETURNS SETOF int STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT m.tenant FROM ts_members m WHERE m.who = $1';
ALTER POLICY ts_tenant ON ts USING (tenant IN (SELECT ts_of(current_user)));
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
UPDATE ts_members SET tenant = 1 WHERE who = 'regress_ts_a';
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;

-- By time or the session: never kept.
ALTER POLICY ts_tenant ON ts USING (now() > '2000-01-01');
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;
ALTER POLICY ts_tenant ON ts USING (inet_client_port() IS NULL);
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts');
RESET ROLE;

-- Views: of their owner, and of who asks.
ALTER POLICY ts_tenant ON ts USING (owner = current_user);
CREATE VIEW ts_owners AS SELECT * FROM ts;
CREATE VIEW ts_invokers WITH (security_invoker) AS SELECT * FROM ts;
GRANT SELECT ON ts_owners, ts_invokers TO regress_ts_a, regress_ts_b;
SET ROLE regress_ts_a;
CALL ts_send('SELECT count(*), min(id) FROM ts_owners');
CALL ts_send('SELECT count(*), min(id) FROM ts_invokers');
SET ROLE regress_ts_b;
CALL ts_send('SELECT count(*), min(id) FROM ts_owners');
CALL ts_send('SELECT count(*), min(id) FROM ts_invokers');
RESET ROLE;

-- In a function, of who asks or of its definer.
CREATE FUNCTION ts_mine() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM ts WHERE id > 0';
CREATE FUNCTION ts_all() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM ts WHERE id > 0';
SET ROLE regress_ts_a;
CALL ts_send('SELECT ts_mine(), ts_all() FROM ts_members WHERE tenant = 1');
SET ROLE regress_ts_b;
CALL ts_send('SELECT ts_mine(), ts_all() FROM ts_members WHERE tenant = 1');
RESET ROLE;

-- What all share is not kept of such a table.
SELECT cache_define('ts_shared', scope => 'shared');
SELECT l1_hits AS before FROM cache_stats WHERE cache = '*' \gset
SET ROLE regress_ts_a;
/* cache name=ts_shared */ SELECT count(*), min(id) FROM ts;
/* cache name=ts_shared */ SELECT count(*), min(id) FROM ts;
SET ROLE regress_ts_b;
/* cache name=ts_shared */ SELECT count(*), min(id) FROM ts;
RESET ROLE;
/* cache name=ts_shared */ SELECT count(*), min(id) FROM ts;
SELECT l1_hits - :before AS hits FROM cache_stats WHERE cache = '*';

RESET cachefront.transparent;
SELECT cache_drop('ts_shared');
DROP TABLE ts, ts_members CASCADE;
DROP PROCEDURE ts_send;
DROP FUNCTION ts_tenant, ts_of, ts_mine, ts_all;
REVOKE ALL ON cache_stats FROM regress_ts_a, regress_ts_b;
DROP ROLE regress_ts_a, regress_ts_b, regress_ts_staff;
