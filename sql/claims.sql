-- Claims: one computes a value that no query gives. What one session can see of it;
-- others are in the specs debug_claims*, and in test/t/127_claims.pl.
-- server: without tracking
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cachefront;
SET client_min_messages = notice;
SELECT FROM cache_flush();
SELECT FROM cache_define('claim', jitter => 0);
SELECT FROM cache_stats_reset();

-- The life of a claim: given, kept from others, set.
SELECT token, value, state FROM cache_claim('claim:1') \gset
SELECT :'state' AS state, :'token' ~ '^[0-9a-f]{32}$' AS token;
SELECT value, token, state FROM cache_claim('claim:1', wait => '0');
SELECT state, token = :'token' AS same FROM cache_claim('claim:1', token => :'token');
SELECT cache_set('claim:1', '"computed"', token => :'token');
SELECT value, token, state FROM cache_claim('claim:1');
SELECT cache_get('claim:1');

-- A token is good for one value, and for its key.
SELECT cache_set('claim:1', '"again"', token => :'token');
SELECT token FROM cache_claim('claim:2') \gset
SELECT cache_set('claim:3', '"of another key"', token => :'token');
SELECT cache_set('claim:2', '"by no token"', token => 'nonsense');
SELECT cache_set('claim:2', '"by another"', token => repeat('0', 32));
SELECT cache_get('claim:1'), cache_get('claim:2'), cache_get('claim:3');
SELECT cache_set('claim:2', '"its own"', token => :'token');
SELECT cache_get('claim:2');

-- Without a token it is the cache_set of always.
SELECT token FROM cache_claim('claim:4') \gset
SELECT cache_set('claim:4', '"without"', token => NULL);
SELECT value, token, state FROM cache_claim('claim:4');

-- Renewed, given back.
SELECT token FROM cache_claim('claim:5') \gset
SELECT cache_renew('claim:5', :'token'), cache_renew('claim:5', repeat('0', 32)), cache_renew('claim:6', :'token');
SELECT cache_release('claim:5', repeat('0', 32)), cache_release('claim:5', :'token'), cache_release('claim:5', :'token');
SELECT state, token = :'token' AS same FROM cache_claim('claim:5', wait => '0');
SELECT cache_set('claim:5', '1', token => :'token');

-- What is invalidated after the claim was given is not set, and the claim is over.
SELECT token FROM cache_claim('claim:7') \gset
SELECT FROM cache_invalidate('claim:7');
SELECT cache_set('claim:7', '"old"', token => :'token');
SELECT cache_get('claim:7');
SELECT token, state FROM cache_claim('claim:7', wait => '0') \gset
SELECT :'state';
SELECT FROM cache_invalidate_tag('claims');
SELECT cache_set('claim:7', '"old"', tags => ARRAY['claims'], token => :'token');
SELECT token FROM cache_claim('claim:7', wait => '0') \gset
SELECT FROM cache_invalidate_tag('claims');
SELECT cache_set('claim:7', '"has not that tag"', token => :'token');
SELECT token FROM cache_claim('claim:8') \gset
SELECT FROM cache_flush();
SELECT cache_set('claim:8', '"old"', token => :'token');

-- In a transaction: twice is once, the value comes with the commit, a rollback ends it.
BEGIN;
SELECT token FROM cache_claim('claim:9') \gset
SELECT state, token = :'token' AS same FROM cache_claim('claim:9');
SELECT cache_set('claim:9', '"mine"', token => :'token');
SELECT cache_get('claim:9');
SELECT value, token, state FROM cache_claim('claim:9');
ROLLBACK;
SELECT cache_get('claim:9');
SELECT state, token = :'token' AS same FROM cache_claim('claim:9', wait => '0');
BEGIN;
SELECT token FROM cache_claim('claim:10') \gset
COMMIT;
BEGIN;
SELECT cache_set('claim:10', '"rolled back"', token => :'token');
ROLLBACK;
SELECT state FROM cache_claim('claim:10', wait => '0');
SELECT cache_set('claim:10', '"kept"', token => :'token');
SELECT cache_get('claim:10');

-- So with savepoints.
BEGIN;
SAVEPOINT s;
SELECT token FROM cache_claim('claim:11') \gset
ROLLBACK TO s;
SELECT state, token = :'token' AS same FROM cache_claim('claim:11', wait => '0');
SAVEPOINT t;
SELECT token FROM cache_claim('claim:12') \gset
RELEASE t;
ROLLBACK;
SELECT state, token = :'token' AS same FROM cache_claim('claim:12', wait => '0');
BEGIN;
SELECT token FROM cache_claim('claim:13') \gset
SAVEPOINT s;
SELECT cache_set('claim:13', '1', token => :'token');
ROLLBACK TO s;
COMMIT;
SELECT state FROM cache_claim('claim:13', wait => '0');
SELECT cache_set('claim:13', '2', token => :'token');

-- What the transaction itself has invalidated it may set, and others not.
BEGIN;
SELECT FROM cache_invalidate('claim:13');
SELECT token, value, state FROM cache_claim('claim:13') \gset
SELECT :'state';
SELECT cache_set('claim:13', '3', token => :'token');
COMMIT;
SELECT cache_get('claim:13');

-- Set and then deleted: the claim is over, and there is no value.
SELECT token FROM cache_claim('claim:14') \gset
BEGIN;
SELECT cache_set('claim:14', '1', token => :'token');
SELECT FROM cache_delete('claim:14');
COMMIT;
SELECT state, token = :'token' AS same FROM cache_claim('claim:14', wait => '0');

-- A transaction that has changed something does not wait, and its refused value takes the old one away.
CREATE TABLE claimed (v int);
SELECT token FROM cache_claim('claim:15') \gset
BEGIN;
INSERT INTO claimed VALUES (1);
SELECT value, token, state FROM cache_claim('claim:15', wait => '1 hour');
SELECT cache_set('claim:15', '1', token => :'token');
COMMIT;
SELECT cache_set('claim:15', '2', token => :'token');
SELECT cache_get('claim:15');
BEGIN;
INSERT INTO claimed VALUES (2);
SELECT cache_set('claim:15', '3', token => :'token');
COMMIT;
SELECT cache_get('claim:15');

-- A value too large ends the claim.
SELECT token FROM cache_claim('claim:16') \gset
SELECT cache_set('claim:16', to_json(repeat('x', 2000000)), token => :'token');
SELECT state, token = :'token' AS same FROM cache_claim('claim:16', wait => '0');

-- Two statements in one: the snapshot is of before the claim.
SELECT FROM cache_set('claim:17', '"before"');
SELECT FROM cache_delete('claim:17');
SELECT cache_set('claim:17', to_json(n), token => c.token)
FROM cache_claim('claim:17') c, (SELECT count(*) AS n FROM claimed) n;
SELECT cache_get('claim:17');

-- An old snapshot's value is judged by that snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT token FROM cache_claim('claim:18') \gset
SELECT cache_set('claim:18', '1', token => :'token');
COMMIT;
SELECT cache_get('claim:18');

-- Old values: who gets the claim computes, the others take what there is.
SELECT FROM cache_define('stale', stale_ttl => '1 hour', jitter => 0);
SELECT cache_set('stale:1', '"old"', ttl => '1 ms');
SELECT pg_sleep(0.01);
SELECT value, state, token FROM cache_claim('stale:1') \gset
SELECT :'value' AS value, :'state' AS state, :'token' <> '' AS token;
SELECT value, state, token FROM cache_claim('stale:1');
SELECT cache_set('stale:1', '"new"', token => :'token');
SELECT value, state, token FROM cache_claim('stale:1');
-- Not what a commit has invalidated.
SELECT cache_set('stale:2', '"old"', ttl => '1 ms', tags => ARRAY['stale']);
SELECT pg_sleep(0.01);
SELECT FROM cache_invalidate_tag('stale');
SELECT value, state FROM cache_claim('stale:2');
SELECT cache_set('stale:3', '"old"', ttl => '1 ms', tags => ARRAY['stale']);
SELECT pg_sleep(0.01);
BEGIN;
SELECT FROM cache_invalidate_tag('stale');
SELECT value, state FROM cache_claim('stale:3');
ROLLBACK;

-- Roles: who shares no values shares no claims.
CREATE ROLE regress_cf_claimant;
SELECT token FROM cache_claim('claim:20') \gset
SET ROLE regress_cf_claimant;
SELECT state, token = :'token' AS same FROM cache_claim('claim:20', wait => '0');
SELECT cache_set('claim:20', '1', token => :'token'), cache_release('claim:20', :'token');
RESET ROLE;
SELECT cache_set('claim:20', '1', token => :'token');
SELECT FROM cache_define('all', scope => 'shared', jitter => 0);
SELECT token FROM cache_claim('all:1') \gset
SET ROLE regress_cf_claimant;
SELECT state FROM cache_claim('all:1', wait => '0');
RESET ROLE;

-- There is no room for more than a share of each user: no error, and no claim.
SELECT state, count(*) > 0 AS some FROM generate_series(1, 20000) n, cache_claim('many:' || n, wait => '0') GROUP BY state ORDER BY state;
SELECT state FROM cache_claim('many:20001');
SELECT cache_set('many:20001', '1', token => NULL);

-- Mistakes.
SELECT FROM cache_claim(NULL);
SELECT FROM cache_claim('claim:21', wait => '-1 s');
SELECT FROM cache_claim('claim:21', hold => '0');
SELECT FROM cache_claim('claim:21', hold => '2 hours');
SELECT FROM cache_renew('claim:21', NULL, hold => '2 hours');
SELECT cache_renew('claim:21', NULL), cache_release('claim:21', NULL);
SELECT cache_fetch('claim:22', $$SELECT * FROM cache_claim('claim:21')$$);
SET cachefront.enabled = off;
SELECT value, token, state FROM cache_claim('claim:21');
RESET cachefront.enabled;

SELECT claims, claims_inherited, claim_waits, claim_timeouts, claim_sets_refused FROM cache_stats WHERE cache = 'claim';

DROP TABLE claimed;
DROP ROLE regress_cf_claimant;
SELECT FROM cache_flush();
SELECT FROM cache_drop('claim');
SELECT FROM cache_drop('stale');
SELECT FROM cache_drop('all');
