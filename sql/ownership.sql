-- To whom a definition belongs, and that the table's owner gets nothing out of it.
SET client_min_messages = warning;
CREATE ROLE regress_cf_maker;
CREATE ROLE regress_cf_member IN ROLE regress_cf_maker;
CREATE ROLE regress_cf_aloof NOINHERIT IN ROLE regress_cf_maker;
CREATE ROLE regress_cf_other;
CREATE ROLE regress_cf_landlord;
GRANT EXECUTE ON FUNCTION
	cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval), cache_drop(text)
	TO regress_cf_maker, regress_cf_other;
CREATE SCHEMA regress_cf_ownership;
GRANT ALL ON SCHEMA regress_cf_ownership TO PUBLIC;
SET search_path = regress_cf_ownership, public;
CREATE FUNCTION owners() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(format('%s %s %s', name, ttl, coalesce(owner, '-')), ', ' ORDER BY name)
	FROM cache_definitions WHERE name ~ '^ow' $$;
SET IntervalStyle = postgres;

--
-- Its maker, his members and superusers
--
SET ROLE regress_cf_maker;
SELECT cache_define('ow', ttl => '1 min');
SET ROLE regress_cf_other;
SELECT cache_define('ow', ttl => '2 min');
SELECT cache_define('ow', scope => 'shared');
SELECT cache_drop('ow');
SELECT cache_define('ow:other', ttl => '1 s');
SELECT cache_define('ow2', ttl => '1 s');
SELECT owners();
SET ROLE regress_cf_member;
SELECT cache_define('ow', ttl => '3 min');
SELECT cache_drop('ow2');
SET ROLE regress_cf_aloof;
SELECT cache_define('ow', ttl => '4 min');
RESET ROLE;
GRANT EXECUTE ON FUNCTION cache_define(text, text, interval, interval, interval, float8, float8, text, interval, text, regtype[], text, interval) TO regress_cf_aloof;
SET ROLE regress_cf_aloof;
SELECT cache_define('ow', ttl => '4 min');
SET ROLE regress_cf_maker;
SELECT cache_define('ow', ttl => '5 min');
RESET ROLE;
SELECT owners();
-- a superuser changes it without taking it
SELECT cache_define('ow', ttl => '6 min');
SELECT owners();
-- by a function of its maker's
SET ROLE regress_cf_maker;
CREATE FUNCTION for_all() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT cache_define('ow', ttl => '7 min') $$;
SET ROLE regress_cf_other;
SELECT for_all();
SELECT owners();
-- who was refused gets it once it is free
SET ROLE regress_cf_maker;
SELECT cache_drop('ow');
SET ROLE regress_cf_other;
SELECT cache_define('ow', ttl => '8 min');
SELECT owners();
SELECT cache_drop('ow');
-- of a change that is not committed, nobody knows who will own it
RESET ROLE;
BEGIN;
SET LOCAL ROLE regress_cf_maker;
SELECT cache_define('ow');
SELECT cache_drop('ow'), cache_drop('ow');
SELECT cache_define('ow', ttl => '9 min');
SAVEPOINT s;
SELECT cache_define('ow', ttl => '10 min');
ROLLBACK TO s;
COMMIT;
SELECT owners();

--
-- Roles come and go
--
REASSIGN OWNED BY regress_cf_maker TO regress_cf_other;
DROP OWNED BY regress_cf_maker;
SELECT owners();
DROP ROLE regress_cf_maker;
SET ROLE regress_cf_other;
SELECT cache_define('ow', ttl => '11 min');
SELECT cache_drop('ow');
RESET ROLE;
-- the database's owner disposes of it
SELECT current_database() AS database, current_user AS superuser \gset
ALTER DATABASE :"database" OWNER TO regress_cf_landlord;
SET ROLE regress_cf_landlord;
SELECT cache_define('ow', ttl => '12 min');
SELECT owners();
SELECT name FROM cache_definitions WHERE name = 'ow2';
SELECT cache_drop('ow2');
INSERT INTO cache_definitions (name, ttl) VALUES ('ow3', '1 min');
INSERT INTO cache_definitions (name, ttl, owner) VALUES ('ow4', '1 min', 'regress_cf_gone'), ('ow5', '1 min', 'regress_cf_other');
SELECT cache_define('ow3', ttl => '2 min'), cache_drop('ow4');
SELECT cache_drop('ow5');
DELETE FROM cache_definitions;
RESET ROLE;
ALTER DATABASE :"database" OWNER TO :"superuser";
SELECT owners();
SET ROLE regress_cf_landlord;
SELECT cache_define('ow6');
SELECT name FROM cache_definitions;
RESET ROLE;

--
-- What the table's owner puts onto it does not run for others, now or at COMMIT
--
ALTER TABLE cache_definitions OWNER TO regress_cf_landlord;
CREATE TABLE ran (what text, who name);
GRANT INSERT ON ran TO PUBLIC;
SET ROLE regress_cf_landlord;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO regress_cf_ownership.ran VALUES (TG_NAME, current_user);
	RETURN NEW;
END $$;
CREATE CONSTRAINT TRIGGER deferred_row AFTER INSERT OR UPDATE OR DELETE ON cache_definitions
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OR DELETE ON cache_definitions FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER after_statement AFTER INSERT OR UPDATE OR DELETE ON cache_definitions FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE cache_definitions ENABLE ALWAYS TRIGGER deferred_row;
CREATE RULE also AS ON INSERT TO cache_definitions DO ALSO INSERT INTO regress_cf_ownership.ran VALUES ('rule', current_user);
ALTER TABLE cache_definitions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE FUNCTION peep(text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'policy as %', current_user;
	RETURN true;
END $$;
CREATE POLICY peeping ON cache_definitions USING (peep(name));
RESET ROLE;
SELECT cache_define('ow7', ttl => '1 min');
SELECT cache_define('ow7', ttl => '2 min');
SET ROLE regress_cf_other;
SELECT cache_define('ow8', ttl => '1 min');
SELECT cache_drop('ow8');
RESET ROLE;
SELECT cache_drop('ow7');
SELECT cache_fetch('ow7:1', 'SELECT 1 AS a');
SELECT count(*) AS ran FROM ran;
-- an index that would call a function, and columns that are others
SET ROLE regress_cf_landlord;
CREATE FUNCTION peep_at(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_cf_landlord' THEN
		RAISE WARNING 'index as %', current_user;
	END IF;
	RETURN $1;
END $$;
RESET ROLE;
CREATE INDEX peeping_index ON cache_definitions (peep_at(name));
SELECT cache_define('ow9');
DROP INDEX peeping_index;
ALTER TABLE cache_definitions ALTER ttl TYPE text;
SELECT cache_define('ow9');
SELECT cache_fetch('ow9:1', 'SELECT 1 AS a');
ALTER TABLE cache_definitions ALTER ttl TYPE interval USING NULL;
DROP TRIGGER deferred_row ON cache_definitions;
DROP TRIGGER before_row ON cache_definitions;
DROP TRIGGER after_statement ON cache_definitions;
DROP RULE also ON cache_definitions;
DROP POLICY peeping ON cache_definitions;
ALTER TABLE cache_definitions DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
ALTER TABLE cache_definitions OWNER TO :"superuser";
SELECT cache_define('ow9', ttl => '1 min');
SELECT ttl, owner = current_user AS mine FROM cache_definitions WHERE name = 'ow9';
SELECT cache_drop(name) FROM cache_definitions WHERE name ~ '^ow' ORDER BY name;

RESET IntervalStyle;
DROP SCHEMA regress_cf_ownership CASCADE;
DROP OWNED BY regress_cf_other, regress_cf_aloof;
DROP ROLE regress_cf_member, regress_cf_aloof, regress_cf_other, regress_cf_landlord;
