# What is in memory outlives a clean restart, exactly, and no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT put_file);

require_debug();

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on', 'cachefront.l1_save' => 'on',
	'cachefront.l1_size' => '16MB', 'max_prepared_transactions' => 2, 'wal_level' => 'replica');
my $file = $node->data_dir . '/cachefront.memory';
my $count = 400;

debug($node);
$node->safe_psql('postgres', qq{
	CREATE ROLE clerk;
	CREATE ROLE other;
	GRANT pg_read_all_data TO clerk;
	CREATE TABLE item (id int PRIMARY KEY, v int, t text);
	INSERT INTO item SELECT i, i, repeat('x', 10 * (i % 400)) FROM generate_series(1, $count) i;
	CREATE TABLE plain (v int);
	INSERT INTO plain VALUES (1);
	CREATE TABLE emptied (v int);
	INSERT INTO emptied VALUES (1);
	CREATE TABLE changed (v int);
	INSERT INTO changed VALUES (1);
	CREATE VIEW seen AS SELECT 1 AS v;
	CREATE TABLE secret (v int);
	INSERT INTO secret VALUES (1);
	CREATE TABLE guarded (v int, who name);
	INSERT INTO guarded VALUES (1, 'clerk'), (2, 'other');
	ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON guarded USING (who = current_user);
	SELECT cache_attach('item');
	SELECT cache_define('set', ttl => '1 hour', scope => 'shared');
	SELECT cache_define('none', negative_ttl => '1 hour');
	SELECT cache_define('item', ttl => '1 hour', stale_ttl => '2 hours');
	SELECT cache_define('loaded', jitter => 0, query => 'SELECT v FROM item WHERE id = \$1', arg_types => '{int}',
		ttl => '1 hour', scope => 'shared')});

# What is read, under names, and a change that each must notice. As a role: RESET at the end.
my %read = (
	row => q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')},
	table => q{SELECT cache_fetch('table', 'SELECT v FROM plain')},
	typed => q{SELECT v FROM cache_fetch_rows('typed', 'SELECT v FROM plain') AS t(v int)},
	emptied => q{SELECT cache_fetch('emptied', 'SELECT v FROM emptied')},
	ddl => q{SELECT cache_fetch('ddl', 'SELECT * FROM changed')},
	view => q{SELECT cache_fetch('view', 'SELECT v FROM seen')},
	tag => q{SELECT cache_fetch('tag', 'SELECT 1 AS v', tags => '{mine}')},
	key => q{SELECT cache_fetch('key', 'SELECT 1 AS v')},
	rights => q{SET ROLE clerk; SELECT cache_fetch('rights', 'SELECT v FROM secret')},
	policy => q{SET ROLE clerk; SELECT cache_fetch('policy', 'SELECT v FROM guarded')},
	setting => q{SET app.x = 'one'; SELECT cache_fetch('setting', $$SELECT current_setting('app.x')$$)},
	none => q{SELECT cache_fetch('none', 'SELECT v FROM plain WHERE v < 0')},
	loaded => q{SELECT cache_read('loaded', 7)},
	value => q{SELECT cache_get('set:1')},
	many => "SELECT count(*) FROM generate_series(1, $count) i,"
	  . q{ cache_fetch_row('item:' || i, 'SELECT v, t FROM item WHERE id = $1', ROW(i)) WHERE cache_fetch_row IS NOT NULL},
);

sub read_all
{
	return { map { $_ => $node->safe_psql('postgres', $read{$_}) } sort keys %read };
}

sub loads { return CfTest::stat($node, 'loads'); }

$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
read_all();
my $before = read_all();

sub is_warm
{
	my ($name) = @_;
	my %result;

	foreach my $what (sort keys %read)
	{
		my $loads = loads();

		$result{$what} = $node->safe_psql('postgres', $read{$what});
		# What row security decides is never shared.
		is(loads(), $loads + ($what eq 'policy'), "$name: $what is not loaded");
	}
	return is_deeply(\%result, $before, "$name: the same results");
}

sub is_cold
{
	my ($name, $reason) = @_;
	my $from = -s $node->logfile;

	$node->start;
	# With hot_standby off it takes none until it has recovered, though it is started.
	await_that('it takes sessions', sub { $node->psql('postgres', 'SELECT 1') == 0 });
	ok(!-e $file, "$name: the file is gone");
	is($node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status'), 0, "$name: memory is empty");
	my @lines = grep { /cachefront.memory/ } split /\n/, substr(slurp_file($node->logfile), $from);
	is(scalar @lines, defined $reason ? 1 : 0, "$name: the log has a line");
	like(substr(slurp_file($node->logfile), $from), $reason, "$name: which says why") if $reason;
	$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
	is_deeply(read_all(), $before, "$name: the same results");
	read_all();
	return;
}

is_warm('before');
my $held = $node->safe_psql('postgres', q{SELECT entries FROM cache_summary WHERE cache = 'item'});
ok(!-e $file, 'a running server has no file');
$node->stop;
ok(-e $file, 'one that was shut down has');
is((CORE::stat $file)[2] & 0777, 0600, 'which is for its eyes only');
ok(!-e "$file.tmp", 'and nothing beside it');
$node->start;
ok(!-e $file, 'the start takes it');
is($node->safe_psql('postgres', q{SELECT entries FROM cache_summary WHERE cache = 'item'}), $held,
	'each cache has its entries');
is_warm('after a restart');
is($node->safe_psql('postgres', 'SELECT cache_ready()'), 't', 'it is ready');
like($node->safe_psql('postgres', q{SELECT source, done > 400, done = total, errors, ended >= started FROM cache_warming}),
	qr/^restart\|t\|t\|0\|t$/m, 'cache_warming tells of it');
is($node->safe_psql('postgres', q{SELECT * FROM cache_warm('loaded', 'SELECT 7 UNION SELECT 8')}), '2|0', 'a call');
$node->psql('postgres', q{SELECT * FROM cache_warm('loaded', 'SELECT 1 / (g - 5) FROM generate_series(1, 9) g')});
is($node->safe_psql('postgres', q{SELECT database, cache, done, total, errors, ended IS NOT NULL
	FROM cache_warming WHERE source = 'cache_warm' ORDER BY started}),
	"postgres|loaded|2|2|0|t\npostgres|loaded|0|0|0|t", 'calls show there, too, and end by an error');
my $warmer = start_session($node, q{SELECT cache_warm('loaded', 'SELECT g FROM generate_series(1, 5) g, pg_sleep(0 * g + CASE g WHEN 3 THEN 1000 ELSE 0 END)')}, name => 'warmer');
await($node, q{SELECT total IS NULL AND ended IS NULL FROM cache_warming WHERE source = 'cache_warm' ORDER BY started DESC LIMIT 1});
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'warmer'});
finish_session($warmer);
await($node, q{SELECT bool_and(ended IS NOT NULL) FROM cache_warming});
$node->restart;
is_warm('after another');

# ---- what changes after the start ------------------------------------------------------

# Each: the read, what it gives after a change.
my @changes = (
	[ row => 'UPDATE item SET v = 1000 WHERE id = 1', '[{"v":1000}]' ],
	[ table => 'UPDATE plain SET v = 2', '[{"v":2}]' ],
	[ typed => undef, '2' ],
	[ none => 'INSERT INTO plain VALUES (-1)', '[{"v":-1}]' ],
	[ emptied => 'TRUNCATE emptied', '[]' ],
	[ ddl => 'ALTER TABLE changed ADD w int DEFAULT 5', '[{"v":1,"w":5}]' ],
	[ view => 'CREATE OR REPLACE VIEW seen AS SELECT 2 AS v', '[{"v":2}]' ],
	[ loaded => 'UPDATE item SET v = 70 WHERE id = 7', '[{"v":70}]' ],
	[ value => q{SELECT cache_set('set:1', '{"a":2}'::json)}, '{"a":2}' ],
	[ policy => q{ALTER POLICY own ON guarded USING (who <> current_user)}, '[{"v":2}]' ],
);
foreach my $change (@changes)
{
	my ($name, $sql, $after) = @$change;

	$node->safe_psql('postgres', $sql) if $sql;
	is($node->safe_psql('postgres', $read{$name}), $after, "$name: a change after the start counts");
}
foreach (
	[ tag => q{SELECT cache_invalidate_tag('mine')} ],
	[ key => q{SELECT cache_invalidate('key')} ])
{
	my ($name, $sql) = @$_;
	my $loads = loads();

	$node->safe_psql('postgres', $sql);
	$node->safe_psql('postgres', $read{$name});
	is(loads(), $loads + 1, "$name: invalidated after the start, it is loaded");
}
$node->safe_psql('postgres', 'REVOKE pg_read_all_data FROM clerk');
my ($status, undef, $error) = $node->psql('postgres', $read{rights});
like($error, qr/permission denied/, 'rights that are revoked after the start are gone');
$node->safe_psql('postgres', q{
	GRANT pg_read_all_data TO clerk;
	UPDATE item SET v = 1 WHERE id = 1;
	UPDATE item SET v = 7 WHERE id = 7;
	DELETE FROM plain WHERE v < 0;
	UPDATE plain SET v = 1;
	INSERT INTO emptied VALUES (1);
	ALTER TABLE changed DROP w;
	CREATE OR REPLACE VIEW seen AS SELECT 1 AS v;
	ALTER POLICY own ON guarded USING (who = current_user)});
$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
$before = read_all();
read_all();
is_warm('changed back');

# What a restored entry depends on is asked for by nobody yet: a writer must know all the same.
$node->restart;
$node->safe_psql('postgres', 'UPDATE plain SET v = 3');
is($node->safe_psql('postgres', $read{table}), '[{"v":3}]', 'the first thing after a start is a change');
$node->safe_psql('postgres', 'UPDATE plain SET v = 1');
read_all();
$node->restart;
{
	my $session = open_session($node);

	$session->query_safe('BEGIN; UPDATE plain SET v = 4');
	is($node->safe_psql('postgres', $read{table}), '[{"v":1}]', 'a change that is not committed does not count');
	is($session->query_safe($read{table}), '[{"v":4}]', 'but for who makes it');
	$session->query_safe('ROLLBACK');
	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$node->safe_psql('postgres', 'UPDATE plain SET v = 5');
	is($session->query_safe($read{table}), '[{"v":1}]', 'an old snapshot has what it had');
	$session->query_safe('COMMIT');
	is($session->query_safe($read{table}), '[{"v":5}]', 'and then the new');
	$session->quit;
}
$node->safe_psql('postgres', 'UPDATE plain SET v = 1');
read_all();

# ---- time ------------------------------------------------------------------------------

$node->safe_psql('postgres', q{SELECT cf_debug_advance_clock('40 min')});
$node->restart;
$node->safe_psql('postgres', q{SELECT cf_debug_advance_clock('10 min')});
my $loads = loads();
$node->safe_psql('postgres', $read{loaded});
is(loads(), $loads, 'an entry lives as long as it was to');
$node->safe_psql('postgres', q{SELECT cf_debug_advance_clock('15 min')});
$node->safe_psql('postgres', $read{loaded});
is(loads(), $loads + 1, 'and no longer');
read_all();
read_all();

# A machine that was off: its clock alone says how long.
sub stop_for
{
	my ($ahead) = @_;

	$node->safe_psql('postgres', "SELECT cf_debug_fault('other-boot'), cf_debug_set_wall_clock('$ahead')");
	$node->stop;
	return;
}

stop_for('-2 hours');
$node->start;
$loads = loads();
$node->safe_psql('postgres', $read{loaded});
is(loads(), $loads + 1, 'the time that the server is down counts');
read_all();
stop_for('2 hours');
is_cold('a clock that was set back', qr/the clock has been set back/);

# ---- what makes the file none ----------------------------------------------------------

$node->stop('immediate');
ok(!-e $file, 'an immediate stop leaves no file');
is_cold('after an immediate stop', undef);

$node->restart;
$node->safe_psql('postgres', 'UPDATE plain SET v = 6');
$node->stop('immediate');
is_deeply([ glob "$file*" ], [], 'a crash after the start finds nothing to come back to');
$node->start;
is($node->safe_psql('postgres', $read{table}), '[{"v":6}]', 'and what it has changed counts');
$node->safe_psql('postgres', q{UPDATE plain SET v = 1; SELECT cache_set('set:1', '{"a":1}'::json)});
read_all();

# A copy of the file that comes back later.
sub keep_file { return slurp_file($file); }

$node->stop;
my $kept = keep_file();
$node->start;
$node->stop('immediate');
put_file($file, $kept);
is_cold('a copy after a crash', qr/was not shut down cleanly/);
$node->stop;
put_file($file, $kept);
is_cold('a copy of an earlier stop', qr/of another shutdown/);

# Others that change the data.
sub is_cold_after
{
	my ($name, $reason, $change) = @_;

	$node->stop;
	ok(-e $file, "$name: there is a file");
	$change->();
	is_cold($name, $reason);
	return;
}

is_cold_after('a start without the library', qr/of another shutdown/, sub {
	$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
	$node->start;
	$node->safe_psql('postgres', 'UPDATE plain SET v = v');
	$node->stop;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachefront'");
});

sub single_user
{
	my ($libraries) = @_;
	local %ENV = $node->_get_env();

	run_log([ 'bash', '-c', "echo 'UPDATE item SET v = v' | "
		  . "postgres --single -D '@{[$node->data_dir]}' -c shared_preload_libraries='$libraries' postgres" ]);
	return;
}

is_cold_after('single-user mode', qr/of another shutdown/, sub { single_user('') });
is_cold_after('single-user mode with the library', qr/of another shutdown/, sub { single_user('cachefront') });
is_cold_after('a new beginning of the WAL', qr/of another shutdown/, sub {
	local %ENV = $node->_get_env();
	run_log([ 'pg_resetwal', '-f', '-D', $node->data_dir ]);
});
is_cold_after('another secret', qr/of another shutdown, or another server/,
	sub { $node->append_conf('postgresql.conf', 'cachefront.hash_seed = 99') });
is_cold_after('no tracking', qr/settings that results depend on/,
	sub { $node->append_conf('postgresql.conf', 'cachefront.track_changes = off') });
is_cold_after('tracking again', qr/settings that results depend on/,
	sub { $node->append_conf('postgresql.conf', 'cachefront.track_changes = on') });
is_cold_after('other settings to ignore', qr/settings that results depend on/,
	sub { $node->append_conf('postgresql.conf', "cachefront.ignore_settings = 'app.x'") });
is_cold_after('no save wanted', qr/l1_save is off/,
	sub { $node->append_conf('postgresql.conf', 'cachefront.l1_save = off') });
$node->stop;
ok(!-e $file, 'off: no file');
$node->append_conf('postgresql.conf', 'cachefront.l1_save = on');
is_cold('nothing was saved', undef);

$node->safe_psql('postgres', q{BEGIN; INSERT INTO secret VALUES (2); PREPARE TRANSACTION 'open'});
$node->stop;
ok(!-e $file, 'what is prepared may end unseen');
$node->start;
is($node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status'), 0, 'with something prepared: memory is empty');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'open'});
$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
read_all();

is_cold_after('an archive recovery', qr/starts with a recovery/, sub {
	append_to_file($node->data_dir . '/recovery.signal', '');
	$node->append_conf('postgresql.conf', "restore_command = 'false'");
	$node->append_conf('postgresql.conf', "recovery_target_timeline = latest");
	$node->append_conf('postgresql.conf', "hot_standby = off");
});
is($node->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 'f', 'which is over');

# What changes no result leaves the file what it is.
read_all();
$node->stop;
$node->append_conf('postgresql.conf', 'cachefront.clock_slots = 1024');
$node->append_conf('postgresql.conf', "cachefront.history_size = '128kB'");
$node->start;
is_warm('other sizes');
$node->safe_psql('postgres', 'UPDATE plain SET v = 8');
is($node->safe_psql('postgres', $read{table}), '[{"v":8}]', 'other sizes: a change counts');
$node->safe_psql('postgres', 'UPDATE plain SET v = 1');
read_all();

# ---- sizes -----------------------------------------------------------------------------

$node->stop;
$node->append_conf('postgresql.conf', "cachefront.l1_size = '1MB'");
$node->start;
cmp_ok($node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status'), '>', 50, 'as many as have room');
is_deeply({ %{ read_all() }, value => undef }, { %$before, value => undef },
	'a small memory: the same results');
$node->append_conf('postgresql.conf', "cachefront.l1_size = '16MB'");
$node->append_conf('postgresql.conf', "cachefront.l1_save_max = '1MB'");
$node->restart;
$node->safe_psql('postgres', qq{
	SELECT count(*) FROM generate_series(1, 3000) i,
		cache_fetch('large:' || i, 'SELECT repeat(''y'', 1500) AS y', ttl => '1 hour');
	SELECT count(*) FROM generate_series(1, 300) i,
		cache_fetch('large:' || 10 * i, 'SELECT repeat(''y'', 1500) AS y', ttl => '1 hour')});
$node->stop;
cmp_ok(-s $file, '<=', 1024 * 1024, 'the file is no larger than it may be');
cmp_ok(-s $file, '>', 900 * 1024, 'nor much smaller');
$node->start;
$loads = loads();
$node->safe_psql('postgres', q{SELECT count(*) FROM generate_series(1, 300) i,
	cache_fetch('large:' || 10 * i, 'SELECT repeat(''y'', 1500) AS y', ttl => '1 hour')});
is(loads(), $loads, 'what was asked for came first');
$node->append_conf('postgresql.conf', "cachefront.l1_save_max = '256MB'");
$node->append_conf('postgresql.conf', "cachefront.l1_max_value = '8MB'");
$node->restart;
my $huge = q{SELECT md5(cache_fetch('huge', 'SELECT repeat(''z'', 3000000) AS z', ttl => '1 hour')::text)};
my $digest = $node->safe_psql('postgres', $huge);
$node->restart;
$loads = loads();
is($node->safe_psql('postgres', $huge), $digest, 'a value larger than a block');
is(loads(), $loads, 'was kept');

# ---- sealed ----------------------------------------------------------------------------

my $keys = $node->data_dir . '/keys';
sub put_keys
{
	open my $out, '>', $keys or die;
	print $out @_;
	close $out;
	chmod 0600, $keys;
	return;
}
my @key = map { "$_ " . (chr(ord('a') + $_) x 64) . "\n" } 0 .. 3;

$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
read_all();
put_keys($key[1]);
is_cold_after('a key is asked for', qr/not sealed with a key that counts/,
	sub { $node->append_conf('postgresql.conf', "cachefront.encryption_key_file = '$keys'") });
$node->restart;
is_warm('sealed with a key');
$node->stop;
put_keys($key[2], $key[1]);
$node->start;
is_warm('another key comes first');
is_cold_after('its key is gone', qr/not sealed with a key that counts/, sub { put_keys($key[3]) });
is_cold_after('another key of its number', qr/it is damaged/, sub { put_keys('3 ' . ('1' x 64) . "\n") });
is_cold_after('no key is asked for', qr/not sealed with a key that counts/,
	sub { $node->append_conf('postgresql.conf', "cachefront.encryption_key_file = ''") });
# A stop that is asked for right after a reload may come before it.
CfTest::reconfigure($node, 'cachefront.encryption_key_file' => "$keys.not");
$node->stop;
ok(!-e $file, 'a key that cannot be read: nothing is written');
$node->append_conf('postgresql.conf', "cachefront.encryption_key_file = ''");
is_cold('a key that could not be read', undef);

# ---- a standby -------------------------------------------------------------------------

$node->stop;
ok(-e $file, 'to become a standby: there is a file');
append_to_file($node->data_dir . '/standby.signal', '');
$node->append_conf('postgresql.conf', 'hot_standby = on');
$node->start;
ok(!-e $file, 'a standby takes the file away');
ok($node->log_contains(qr/starts with a recovery/), 'and says why');
is($node->safe_psql('postgres', 'SELECT pg_is_in_recovery(), l1_entries FROM cache_status'), 't|0',
	'its memory is empty');
$node->safe_psql('postgres', $read{table});
$node->stop;
ok(!-e $file, 'its own stop leaves none');
$node->start;
$node->promote;
await($node, 'SELECT NOT pg_is_in_recovery()');
$node->safe_psql('postgres', q{SELECT cache_set('set:1', '{"a":1}'::json)});
read_all();
$node->restart;
is_warm('a standby that was promoted, and restarted');

$node->stop;
done_testing();
