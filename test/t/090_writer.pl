# What commits do in Redis: fences, settling, the outbox, and the bus.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTest->node(
	'writer',
	'cachefront.redis_url' => $redis->url('unix'),
	'cachefront.namespace' => 'w',
	'cachefront.fence_ttl' => '60s',
	'cachefront.tombstone_ttl' => '10min',
	'cachefront.breaker_reset' => '100ms',
	'cachefront.redis_command_timeout' => '6s',
	'cachefront.redis_connect_timeout' => '6s',
	'cachefront.notify' => 'off',
	'max_prepared_transactions' => 5,
	'wal_level' => 'logical',
	'max_wal_senders' => 5,
	'max_replication_slots' => 5,
	'restart_after_crash' => 'on');
debug($node);
$node->safe_psql('postgres', 'CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 2000) i;
	CREATE ROLE alice; GRANT ALL ON item TO alice');

sub query
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database // 'postgres', $sql);
}

# SQLSTATE and message of what a statement raises.
sub error_of
{
	my ($sql, %option) = @_;
	my $result =
	  finish_session(start_session($node, "\\set VERBOSITY verbose\n$sql", %option));

	return $result->{stderr} =~ /ERROR:  ([^\n]*)/ ? $1 : '';
}

sub counts
{
	return query('SELECT ' . join(', ', @_) . " FROM cache_stats WHERE cache = '*'");
}

sub key_state
{
	my ($key) = @_;
	my %hash = split /\n/, $redis->cli('HGETALL', "cf:w:$key");

	return join(' ', map { $_ eq 'f' ? 'fenced' : $_ eq 'x' ? 'settled' : 'other' } sort keys %hash);
}

sub tag_state
{
	my ($tag) = @_;

	return substr($redis->cli('GET', $tag =~ /^cfe/ ? $tag : "cft:w:$tag"), 0, 1);
}

sub outbox
{
	return query('SELECT count(*), sum(cardinality(keys)), sum(cardinality(tags)) FROM cache_outbox');
}

# Starts a session that is held after its fence.
sub begin_held
{
	my ($sql, $point) = @_;
	my $session;

	query("SELECT cf_debug_hold('" . ($point // 'commit-after-fence') . "')");
	$session = start_session($node, $sql, name => 'held');
	await($node, 'SELECT cf_debug_held()', '1');
	return $session;
}

sub end_held
{
	my ($session) = @_;

	query('SELECT cf_debug_hold(NULL)');
	return finish_session($session);
}

# Texts of the bus from some length on, one a line.
sub bus
{
	my ($skip) = @_;
	my @lines = grep { /^\{/ } split /\n/, $redis->cli('XRANGE', 'cfb:w', '-', '+');

	return join("\n", splice(@lines, $skip // 0));
}

sub bus_length
{
	return scalar split /\n/, bus();
}

sub bus_pid
{
	return worker_pid($_[0], 'cachefront bus');
}

# ---- the commit window -------------------------------------------------------

{
	my $n = bus_length();
	my $session = begin_held(q{SELECT cache_invalidate('k1'), cache_invalidate_tag('t1')});

	is(key_state('k1'), 'fenced', 'a key is fenced before the commit');
	is(tag_state('t1'), 'f', 'and a tag');
	cmp_ok($redis->cli('PTTL', 'cf:w:k1'), '>', 10000, 'the fence goes by itself');
	is(bus_length(), $n, 'nobody is told yet');
	is(end_held($session)->{status}, 0, 'it commits');
	is(key_state('k1'), 'settled', 'a key is settled after it');
	like(tag_state('t1'), qr/[uv]/, 'and a tag');
	is(bus($n), '{"keys":["k1"],"tags":["t1"]}', 'the bus has it');
	like($redis->cli('XRANGE', 'cfb:w', '-', '+'), qr/\no\n[0-9A-F]{16}\nl\n[0-9A-F]{16}\nd\n/,
		'with origin and LSN');
}

# The tombstone's LSN is past the commit: a standby that has replayed it has the row.
{
	query(q{BEGIN; UPDATE item SET v = 1 WHERE id = 1; SELECT cache_invalidate('lsn'); COMMIT});
	my $lsn = $redis->cli('HGET', 'cf:w:lsn', 'x');
	my ($high, $low) = $lsn =~ /([0-9A-F]{8})([0-9A-F]{8})$/;
	is( query(sprintf("SELECT '%s/%s'::pg_lsn <= pg_current_wal_lsn()
			AND '%s/%s'::pg_lsn > '0/1000000'", $high, $low, $high, $low)),
		't', 'the LSN of the commit');
}

# cut off: the tombstone holds it fence for fence
{
	my $n = bus_length();
	query(q{BEGIN; SELECT cache_invalidate('r1'); SELECT cache_invalidate_tag('r1'); ROLLBACK});
	is($redis->cli('EXISTS', 'cf:w:r1', 'cft:w:r1'), 0, 'a rollback leaves nothing');
	query(q{BEGIN; SELECT cache_invalidate('s0'); SAVEPOINT a; SELECT cache_invalidate('s1');
		ROLLBACK TO a; SELECT cache_invalidate('s2'); COMMIT});
	is($redis->cli('EXISTS', 'cf:w:s1'), 0, 'nor does ROLLBACK TO SAVEPOINT');
	is(key_state('s0') . key_state('s2'), 'settledsettled', 'the rest of it is settled');
	is(bus($n), '{"keys":["s0","s2"],"tags":[]}', 'and told');
}

# an error after the fence lifts it
{
	query(q{SELECT cache_invalidate('lift')});
	my $before = $redis->cli('HGET', 'cf:w:lift', 'x');
	my $session = begin_held(q{BEGIN ISOLATION LEVEL SERIALIZABLE;
		SELECT count(*) FROM item; SELECT cache_invalidate('lift', 'lift2');
		UPDATE item SET v = 5 WHERE id = 5; COMMIT});
	is(key_state('lift'), 'fenced settled', 'it stands');
	my $result = end_held($session);
	is($result->{status}, 0, 'no conflict');
	query('CREATE TABLE deferred (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)');
	like(error_of(q{BEGIN; SELECT cache_invalidate('d'); INSERT INTO deferred VALUES (1), (1); COMMIT}),
		qr/^23505/, 'a deferred constraint fails');
	is($redis->cli('EXISTS', 'cf:w:d'), 0, 'before anything is fenced');
}

# A conflict that shows between the fence and the commit.
{
	my $a = open_session($node, 'postgres', on_error_stop => 0);
	my $b = open_session($node, 'postgres', on_error_stop => 0);
	my $held;

	$_->query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT sum(v) FROM item') foreach $a, $b;
	$a->query('UPDATE item SET v = 7 WHERE id = 7');
	$b->query(q{UPDATE item SET v = 8 WHERE id = 8; SELECT cache_invalidate('conflict')});
	$a->query('COMMIT');
	$b->query('COMMIT');
	is(query('SELECT v FROM item WHERE id = 8'), '0', 'the second one fails');
	is(key_state('conflict'), '', 'its fence is lifted');
	$_->quit foreach $a, $b;
}

# ---- what counts -------------------------------------------------------------

{
	my $n = bus_length();
	query(q{SELECT cache_set('set', '1')});
	is(key_state('set'), 'settled', 'cache_set settles its key');
	is(query(q{SELECT cache_get('set')}), '1', 'and leaves its value here');
	query(q{SELECT cache_touch('set', '1 hour')});
	is(bus_length(), $n, 'but is no invalidation for others');
	query(q{SELECT cache_delete('set')});
	is(bus($n), '{"keys":["set"],"tags":[]}', 'cache_delete is');
}
{
	my $n = bus_length();
	my $before = $redis->cli('GET', 'cfe:w');
	query('SELECT cache_flush()');
	isnt($redis->cli('GET', 'cfe:w'), $before, 'cache_flush settles the epoch of the database');
	is(bus($n), '{"keys":[],"tags":[],"all":true}', 'and tells all');
}
{
	my $session = begin_held('ALTER TABLE item ADD COLUMN more int');
	is(tag_state('cfe:w'), 'f', 'DDL fences the epoch');
	end_held($session);
	like(tag_state('cfe:w'), qr/[uv]/, 'and settles it');
	$session = begin_held('CREATE ROLE bob ROLE alice');
	is(tag_state('cfe:w:roles'), 'f', 'a role fences that of the server');
	end_held($session);
	like(tag_state('cfe:w:roles'), qr/[uv]/, 'and settles it');
	$session = begin_held('CREATE TEMP TABLE t (a int); SELECT 1; SELECT cache_invalidate(\'temp\')');
	isnt(tag_state('cfe:w'), 'f', 'temporary objects do not');
	end_held($session);
	query('CREATE DATABASE bare');
	my $before = $redis->cli('GET', 'cfe:w');
	query('CREATE TABLE t (a int)', 'bare');
	is($redis->cli('GET', 'cfe:w'), $before, 'nor does DDL where the extension is not');
}

# COMMIT PREPARED makes visible what anybody may have prepared.
{
	query(q{BEGIN; CREATE TABLE prepared (a int); PREPARE TRANSACTION 'p'});
	my $session = begin_held(q{COMMIT PREPARED 'p'}, 'prepared-after-fence');
	is(tag_state('cfe:w:roles'), 'f', 'COMMIT PREPARED fences the epoch of the server');
	is(query(q{SELECT to_regclass('prepared')}), '', 'before it is visible');
	end_held($session);
	like(tag_state('cfe:w:roles'), qr/[uv]/, 'and settles it');
	my $version = $redis->cli('GET', 'cfe:w:roles');
	like(error_of(q{COMMIT PREPARED 'nothing'}), qr/^42704/, 'of nothing it fails');
	is($redis->cli('GET', 'cfe:w:roles'), $version, 'and leaves the epoch as it is');
	like(error_of(q{BEGIN; SELECT cache_set('p', '1'); PREPARE TRANSACTION 'q'}), qr/^0A000/,
		'PREPARE of values is refused');
	is($redis->cli('EXISTS', 'cf:w:p'), 0, 'and leaves nothing');
}

# Read-only transactions can invalidate, and get a transaction id for it.
{
	my $next = 'SELECT pg_snapshot_xmax(pg_current_snapshot())';
	my $before = query($next);

	query(q{BEGIN READ ONLY; SELECT cache_invalidate('ro'); COMMIT});
	is(key_state('ro'), 'settled', 'a read-only transaction settles');
	cmp_ok(query($next), '>', $before, 'and has a transaction id');
}

# ---- round trips -------------------------------------------------------------

# Pipelines so far, of all sessions.
sub pipelines
{
	return query('SELECT cf_debug_redis_report()') =~ /calls=(\d+)/ ? $1 : 0;
}

{
	my $session = open_session($node, 'postgres');
	my $worker = bus_pid($node);
	my ($before, $one, $start);

	$session->query_safe(q{SELECT cache_invalidate('warm')});
	kill 'STOP', $worker;
	$before = pipelines();
	$session->query_safe(q{SELECT cache_invalidate('one')});
	$one = pipelines() - $before;
	$redis->cli('CONFIG', 'RESETSTAT');
	$start = time();
	$session->query_safe(q{SELECT count(cache_invalidate('n' || i)) FROM generate_series(1, 1000) i});
	note(sprintf '1000 keys in %.1f ms', 1000 * (time() - $start));
	is(pipelines() - $before, 2 * $one, '1,000 keys take no more round trips than one');
	# Each is preceded by an empty one, which only sees that there is a connection.
	is($one, 4, 'that is two');
	like($redis->cli('INFO', 'commandstats'), qr/cmdstat_evalsha:calls=20[0-9][0-9],/,
		'each key is fenced and settled, and a few events are published');
	kill 'CONT', $worker;
	my @events = split /\n/, bus();
	is(scalar(grep { length >= 8000 } @events), 0, 'events are short');
	$session->query_safe(q{SET cachefront.max_keys_per_commit = 100000});
	$start = time();
	$session->query_safe(q{SELECT count(cache_invalidate('m' || i)) FROM generate_series(1, 10000) i});
	note(sprintf '10000 keys in %.1f ms', 1000 * (time() - $start));
	is(counts('l2_fence_failures', 'l2_settle_failures'), '0|0', '10,000 keys are no problem');
	$session->quit;
}

# ---- Redis is down -------------------------------------------------------------

$redis->kill;
{
	query(q{BEGIN; UPDATE item SET v = 2 WHERE id = 2; SELECT cache_invalidate('o1');
		SELECT cache_invalidate_tag('o1'); COMMIT});
	is(query('SELECT v FROM item WHERE id = 2'), 2, 'the commit goes on');
	is(outbox(), '1|1|1', 'and leaves its invalidations');
	query(q{SELECT cache_invalidate('o2')}) foreach 1 .. 5;
	is(outbox(), '6|6|1', 'a row a commit');
	query(q{BEGIN; SELECT cache_invalidate('o3'); ROLLBACK});
	is(outbox(), '6|6|1', 'a rollback leaves none');
	query(q{BEGIN READ ONLY; SELECT cache_invalidate('o4'); COMMIT});
	is(outbox(), '7|7|1', 'a read-only transaction leaves one');
	query(q{SET ROLE alice; SET search_path = nowhere; SET row_security = off;
		SELECT public.cache_invalidate('o5')});
	is(outbox(), '8|8|1', 'whoever it is');
	query(q{SELECT count(cache_invalidate('many' || i)) FROM generate_series(1, 2500) i});
	is(outbox(), '11|2508|1', 'at most 1,000 in a row');
	query(q{BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY; SELECT cache_invalidate('o6'); COMMIT});
	query('CREATE ROLE carol ROLE alice');
	is(query(q{SELECT count(*) FROM cache_outbox WHERE tags = ARRAY[E'\002']}), 1, 'an epoch');
	is(query(q{SET ROLE alice; SELECT has_table_privilege('cache_outbox', 'SELECT, INSERT')}), 'f',
		'nobody may read it');
	like(error_of(q{SET cachefront.on_redis_failure = error; SELECT cache_invalidate('e')}),
		qr/^08006: could not invalidate the cache in Redis/, 'on_redis_failure = error');
	is(query(q{SET cachefront.on_redis_failure = error; SELECT 1}), 1, 'hurts only those who invalidate');
	cmp_ok(counts('outbox_written'), '>=', 12, 'rows are counted');
	cmp_ok(counts('l2_fence_failures'), '>=', 10, 'and failures');
	my $dump = "$PostgreSQL::Test::Utils::tmp_check/outbox.sql";
	$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'pg_dump');
	unlike(slurp_file($dump), qr/COPY [^;]*cache_outbox/, 'leaves the rows out');
}

# Logical decoding sees neither the insertion nor the deletion of rows.
query(q{SELECT pg_create_logical_replication_slot('slot', 'test_decoding')});
query(q{SELECT cache_invalidate('decoded')});
$redis->start;
await($node, 'SELECT count(*) FROM cache_outbox', '0');
unlike(query(q{SELECT data FROM pg_logical_slot_get_changes('slot', NULL, NULL)}), qr/outbox.*(INSERT|keys)/,
	'decoding leaves it out');
query(q{SELECT pg_drop_replication_slot('slot')});
is(join(' ', map { key_state($_) } 'o1', 'o2', 'o4', 'o5', 'many2500', 'decoded'),
	join(' ', ('settled') x 6), 'all is settled');
like(tag_state('o1'), qr/[uv]/, 'tags too');
like(tag_state('cfe:w:roles'), qr/[uv]/, 'and epochs');
is($redis->cli('EXISTS', 'cf:w:o3', 'cf:w:e'), 0, 'but nothing that was rolled back');
like(bus(), qr/"o1"/, 'the bus has them');
is(counts('outbox_written - outbox_delivered'), 0, 'as many as were written');
# Readers look at the state of the space, which says empty again.
await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'}, '0');
query(q{SELECT cache_fetch('read', 'SELECT 1')});
isnt($redis->cli('HGETALL', 'cf:w:read'), '', 'Redis is used again');

# A row that cannot be written costs all values instead.
sub floor_lsn
{
	return (split / /, $redis->cli('GET', 'cff:w'))[1] // '';
}

sub floor_rises
{
	my ($before, $name) = @_;
	await_that($name, sub {
		query(q{SELECT cache_fetch('read', 'SELECT 1')});
		return floor_lsn() ne $before;
	});
	return pass($name);
}

{
	my $floor = floor_lsn();
	my $locker = open_session($node, 'postgres');

	$locker->query_safe('BEGIN; LOCK TABLE cache_outbox');
	$redis->pause;
	is(error_of(q{SET lock_timeout = '100ms'; BEGIN; UPDATE item SET v = 3 WHERE id = 3;
		SELECT cache_invalidate('lost'); COMMIT}), '', 'the table is locked: no error');
	is(query('SELECT v FROM item WHERE id = 3'), 3, 'the commit goes on');
	$redis->resume;
	$locker->query_safe('COMMIT');
	$locker->quit;
	floor_rises($floor, 'the floor has risen');
	is(outbox(), '0||', 'there was no row');
	like(slurp_file($node->logfile), qr/LOG:  could not write to cache_outbox: canceling statement due to lock timeout/,
		'the log says why');
}
{
	my $floor = floor_lsn();

	$redis->pause;
	query(q{ALTER EXTENSION cachefront DROP TABLE cache_outbox});
	query(q{SELECT cache_invalidate('lost')});
	is(query('SELECT count(*) FROM cache_outbox'), 0, 'a table that is not ours gets no row');
	$redis->resume;
	floor_rises($floor, 'then the floor rises too');
	query(q{ALTER EXTENSION cachefront ADD TABLE cache_outbox});
}

# Rows of an earlier life are found after a restart.
$redis->kill;
query(q{SELECT cache_invalidate('early')});
$node->restart;
$redis->start;
query(q{SELECT cache_fetch('read', 'SELECT 1')});
await($node, 'SELECT count(*) FROM cache_outbox', '0');
is(key_state('early'), 'settled', 'delivered after a restart');

# A database that goes away with a full outbox leaves nothing to do.
{
	query('CREATE DATABASE gone');
	query('CREATE EXTENSION cachefront', 'gone');
	$redis->kill;
	query(q{SELECT cache_invalidate('k')}, 'gone');
	is(query('SELECT count(*) FROM cache_outbox', 'gone'), 1, 'another database has its own');
	query('DROP DATABASE gone WITH (FORCE)');
	$redis->start;
	ok(wait_until($node, q{SELECT count(*) FROM cache_outbox}, '0'), 'others are delivered');
	await_that('for the launcher to give up', sub { slurp_file($node->logfile) =~ /giving up its work/ });
	# It looks for work three times more.
	foreach (1 .. 3)
	{
		$redis->kill;
		query(q{SELECT cache_invalidate('k')});
		$redis->start;
		await($node, 'SELECT count(*) FROM cache_outbox', '0');
	}
	my $n;
	my $log = slurp_file($node->logfile);
	$n = () = $log =~ /giving up its work/g;
	is($n, 1, 'its work is given up');
	$n = () = $log =~ /FATAL:  database \d+ does not exist/g;
	cmp_ok($n, '<=', 3, 'and nobody tries again');
}

# ---- a backend dies after the fence ---------------------------------------------

{
	my $session = begin_held(q{BEGIN; UPDATE item SET v = 9 WHERE id = 9; SELECT cache_invalidate('dead'); COMMIT});
	my $pid = query(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'held'});
	kill 'KILL', $pid;
	finish_session($session);
	await($node, 'SELECT 1', '1');
	worker_pid($node, 'cachefront bus');
	is(key_state('dead'), 'fenced', 'its fence stands');
	is(query('SELECT v FROM item WHERE id = 9'), 0, 'it did not commit');
}

# ---- the bus ---------------------------------------------------------------------

$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->append_conf('postgresql.conf', q{
	cachefront.l1_ttl = '1h'
	hot_standby = on});
$standby->start;
$node->wait_for_catchup($standby);

# What the standby has in shared memory, and whether it may be used.
sub on_standby
{
	my ($key) = @_;

	return $standby->safe_psql('postgres',
		"SELECT count(*) FROM cache_entries WHERE key = '$key' AND state = 'fresh'");
}

sub fill_standby
{
	keep($standby, $_, "SELECT cache_fetch('$_', 'SELECT 1', tags => ARRAY['tag:$_'])") foreach @_;
	return;
}

sub gone_on_standby
{
	my ($key, $name) = @_;

	return ok(wait_until($standby,
		"SELECT count(*) FROM cache_entries WHERE key = '$key' AND state = 'fresh'", '0'), $name);
}

fill_standby('b1', 'b2', 'b3');
pass('a standby has entries');
query(q{SELECT cache_invalidate('b1')});
gone_on_standby('b1', 'a key that another server invalidated');
is(on_standby('b2'), 1, 'others stay');
query(q{SELECT cache_invalidate_tag('tag:b2')});
gone_on_standby('b2', 'a tag');
is(on_standby('b3'), 1, 'others stay');
query('SELECT cache_flush()');
gone_on_standby('b3', 'everything');

# Own events are not for oneself: the writer's counter stays.
is(counts('bus_events'), 0, 'own events are skipped');

# Invalidated by hand on the standby.
{
	query(q{SELECT cache_fetch('h', 'SELECT 1')});
	my $n = bus_length();
	$standby->safe_psql('postgres', q{SELECT cache_invalidate('h')});
	is(bus($n), '{"keys":["h"],"tags":[]}', 'a standby tells the others');
	is(key_state('h'), 'settled', 'and settles');
	ok(wait_until($node, q{SELECT count(*) FROM cache_entries WHERE key = 'h' AND state = 'fresh'}, '0'),
		'it arrives');
	is(counts('bus_events'), 1, 'one event');
}

# Applications write to the bus as well; nobody can know what.
fill_standby('a1', 'a2');
$redis->cli('XADD', 'cfb:w', '*', 'd', '{"more": [1, {"x": null}], "keys": ["\u0061\u0031"]}');
gone_on_standby('a1', 'an application names a key');
is(on_standby('a2'), 1, 'others stay');
foreach my $bad ([ 'd', '{"keys":["a2"' ], [ 'd', '[]' ], [ 'x', 'y' ])
{
	fill_standby('a2');
	$redis->cli('XADD', 'cfb:w', '*', @$bad);
	gone_on_standby('a2', "not to be understood: @$bad");
}

# The key is no stream: nothing is read, and nothing else is disturbed.
{
	$redis->cli('SET', 'cfb:w', 'x');
	await_rounds($redis, 2, 3);
	is(query(q{SELECT cache_invalidate('a4')}), '', 'commits go on');
	$redis->cli('DEL', 'cfb:w');
	fill_standby('a4');
	query(q{SELECT cache_invalidate('a4')});
	gone_on_standby('a4', 'a stream again');
}

# Trimmed while nobody read: nothing is left of what was missed.
sub resyncs
{
	return $standby->safe_psql('postgres', q{SELECT bus_resyncs FROM cache_stats WHERE cache = '*'});
}

{
	my $before = resyncs();
	my @pids = map { bus_pid($_) } $standby, $node;

	fill_standby('t1', 't2');
	kill 'STOP', @pids;
	# What they have asked for is over.
	await_that('for reads to end', sub { $redis->cli('CLIENT', 'LIST') !~ /flags=b/ });
	query(q{SELECT cache_invalidate('t1')});
	query(q{SELECT cache_invalidate('other')}) foreach 1 .. 3;
	$redis->cli('XTRIM', 'cfb:w', 'MAXLEN', 2);
	kill 'CONT', @pids;
	gone_on_standby('t1', 'trimmed: what was invalidated is gone');
	gone_on_standby('t2', 'and all else');
	cmp_ok(resyncs(), '>', $before, 'counted');
}

# Nothing is forgotten where nothing was missed.
{
	my $before = resyncs();
	my $pid = bus_pid($standby);

	fill_standby('u1', 'u2');
	kill 'STOP', $pid;
	query(q{SELECT cache_invalidate('u1')});
	kill 'CONT', $pid;
	gone_on_standby('u1', 'read later');
	$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal');
	fill_standby('u3');
	query(q{SELECT cache_invalidate('u3')});
	gone_on_standby('u3', 'it reads on');
	await_rounds($redis, 2, 3);
	is(on_standby('u2'), 1, 'a new connection alone changes nothing');
	is(resyncs(), $before, 'no resynchronisation');
}

# Another run of Redis may have lost anything.
{
	my $pid = bus_pid($standby);
	my ($last) = $redis->cli('XREVRANGE', 'cfb:w', '+', '-', 'COUNT', 1) =~ /^(\d+-\d+)/;

	fill_standby('v1');
	kill 'STOP', $pid;
	$redis->restart;
	# With a stream that looks as if nothing were missing.
	$redis->cli('XADD', 'cfb:w', $_, 'd', '{}') foreach '1-1', $last;
	kill 'CONT', $pid;
	gone_on_standby('v1', 'Redis was restarted');
	query(q{SELECT cache_invalidate('v2')});
	fill_standby('v1');
	query(q{SELECT cache_invalidate('v1')});
	gone_on_standby('v1', 'the bus goes on');
}

# The writer beats, so that standbys know how far it is.
{
	my $beat = (split / /, $redis->cli('GET', 'cff:w'))[2];

	query('SELECT pg_switch_wal()');
	await_that('for a beat', sub { (split / /, $redis->cli('GET', 'cff:w'))[2] ne $beat });
	pass('beats');
}

# After a promotion nothing of the standby's time is taken for exact.
{
	fill_standby('p1');
	$node->stop;
	$standby->promote;
	ok( wait_until($standby, q{SELECT count(*) FROM cache_entries WHERE key = 'p1' AND state = 'fresh'}, '0'),
		'promoted');
	$standby->safe_psql('postgres', q{SELECT cache_invalidate('p2')});
	is(key_state('p2'), 'settled', 'it writes');
}

$standby->stop;
done_testing();
