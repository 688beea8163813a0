-- Which statements are worth caching: measured, judged, and served by themselves.

CREATE TABLE ta_items (id int PRIMARY KEY, kind int, n int);
INSERT INTO ta_items SELECT g, g % 10, g FROM generate_series(1, 3000) g;
CREATE TABLE ta_busy (id int PRIMARY KEY, n int);
INSERT INTO ta_busy SELECT g, g FROM generate_series(1, 3000) g;
ANALYZE ta_items, ta_busy;
SELECT cache_stats_reset();

-- calls of a query, n times, by EXECUTE; the number of the call is $1, what to run between is other
CREATE PROCEDURE ta_run(query text, n int, other text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR i IN 1 .. n LOOP
		EXECUTE format(query, i) INTO r;
		IF other IS NOT NULL THEN
			COMMIT;
			EXECUTE other;
		END IF;
		COMMIT;
	END LOOP;
END $$;

-- Observed: nothing is served or kept.
SET cachefront.transparent = observe;
SET cachefront.advise_min_time = '2ms';
SHOW cachefront.advise_min_hits;
SELECT sum(l1_hits) AS hits, sum(fills) AS fills FROM cache_stats WHERE cache = '*' \gset before_
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 900', 40);
CALL ta_run('SELECT count(*) FROM ta_busy a JOIN ta_busy b ON a.n %% 9 = b.n %% 9 WHERE a.n < 2000', 40, 'UPDATE ta_busy SET n = n WHERE id = 1');
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.n < 900 AND b.n <> %s', 40);
CALL ta_run('SELECT n FROM ta_items WHERE id = 7', 40);
CALL ta_run('SELECT n FROM ta_items WHERE random() < 2 AND id = 7', 40);
SELECT sum(l1_hits) - :before_hits AS hits, sum(fills) - :before_fills AS fills FROM cache_stats WHERE cache = '*';
SELECT left(query, 60) AS query, calls, round(would_hit::numeric, 1) AS would_hit,
		round(distinct_calls::numeric, 1) AS distinct_calls, verdict, reason
	FROM cache_advise WHERE query LIKE '%ta\_%' ORDER BY query COLLATE "C";
SELECT advice FROM cache_advise WHERE verdict = 'cache it' AND query LIKE '%ta\_%';
SELECT advice FROM cache_advise WHERE verdict = 'changes too often' AND query LIKE '%ta\_%';

-- An advice can be run as it is. One that could not be, as this one of a function, names the setting.
CREATE FUNCTION ta_of(k int) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN
	FOR k IN SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 3000 AND a.kind = k LOOP NULL; END LOOP;
	RETURN k; END';
CALL ta_run('SELECT ta_of(1)', 40);
SELECT advice = format('ALTER DATABASE %I SET cachefront.transparent = ''auto''', current_database()) AS as_expected
	FROM cache_advise WHERE verdict = 'cache it' AND query LIKE '%kind = k%';
SELECT advice FROM cache_advise WHERE verdict = 'cache it' AND query LIKE '%ta\_%' AND query NOT LIKE '%kind = k%' \gexec
SET cachefront.transparent = marked;
SELECT cache_stats_reset();
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 700', 20);
SELECT fetches, l1_hits > 15 AS served FROM cache_stats WHERE cache = '*';
SELECT count(cache_query_drop(name)) AS dropped FROM cache_queries;
DROP FUNCTION ta_of;

-- Auto: what pays is served after a trial, what does not is left alone.
SET cachefront.transparent = auto;
SELECT cache_stats_reset();
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 900', 200);
SELECT l1_hits > 190 AS served FROM cache_stats WHERE cache = '*';
-- literals that come once take no memory once it is known that it pays
SELECT sum(entries) AS n FROM cache_summary \gset before_
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 8%s', 50);
SELECT sum(entries) - :before_n AS kept FROM cache_summary;
CALL ta_run('SELECT count(*) FROM ta_items a JOIN ta_items b ON a.kind = b.kind WHERE a.id < 8%s', 50);
-- Two of them may share the place where it is noted that they were asked for.
SELECT sum(entries) - :before_n > 40 AS kept FROM cache_summary;
SELECT cache_stats_reset();
-- what is cheap is left alone
SET cachefront.transparent_min_saving = 20000;
CALL ta_run('SELECT n FROM ta_items WHERE id = 7', 200);
SELECT fetches <= 64 AS left_alone FROM cache_stats WHERE cache = '*';
-- Not everybody may read texts of others.
CREATE ROLE regress_ta_reader;
SET ROLE regress_ta_reader;
SELECT count(*) FROM cache_advise;
RESET ROLE;
GRANT pg_monitor TO regress_ta_reader;
SET ROLE regress_ta_reader;
SELECT count(*) > 0 AS visible FROM cache_advise;
RESET ROLE;

RESET cachefront.transparent;
RESET cachefront.advise_min_time;
RESET cachefront.transparent_min_saving;
DROP PROCEDURE ta_run;
DROP TABLE ta_items, ta_busy;
DROP ROLE regress_ta_reader;
