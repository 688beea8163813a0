# With cachefront.redis_commit = sync and a Redis that is silent: who waits in his commit
# holds up nobody, not with NOTIFY, not with postgres_fdw to the own server, not behind
# a synchronous standby that is not there; and neither he nor a worker is in the way of
# what wants a database for itself.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

# So long that whatever else happens does so while they wait.
my $patience = '60s';
my $redis = CfRedis->new('main');
my $node = CfTest->node('main', CfTier::tier_conf($redis,
	'cachefront.redis_command_timeout' => $patience,
	'cachefront.redis_connect_timeout' => $patience,
	'wal_level' => 'replica',
	'max_wal_senders' => 2,
	'cachefront.notify' => 'batched'));
my $waits = wait_event('Redis');

$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 100) i;
	SELECT cache_attach('item', 'i:{id}');
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER own FOREIGN DATA WRAPPER postgres_fdw;
	CREATE USER MAPPING FOR CURRENT_USER SERVER own;
	CREATE FOREIGN TABLE far_item (id int, v int) SERVER own OPTIONS (table_name 'item');
});
$node->safe_psql('postgres', sprintf(
	q{ALTER SERVER own OPTIONS (host '%s', port '%s', dbname 'postgres',
		options '-c cachefront.redis_commit=sync', application_name 'far')}, $node->host, $node->port));

sub update
{
	my ($id, $table) = @_;

	return 'UPDATE ' . ($table // 'item') . " SET v = v + 1 WHERE id = $id";
}

# A session whose commit is to wait for Redis.
sub start_sync
{
	my ($sql, $name, %conf) = @_;

	return start_session($node, $sql, name => $name, conf => { 'cachefront.redis_commit' => 'sync', %conf });
}

sub await_waiting
{
	my ($name, $condition) = @_;

	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = '$name' AND "
		  . ($condition // $waits), 1);
	return;
}

sub signal
{
	my ($name, $function) = @_;

	$node->safe_psql('postgres',
		"SELECT $function(pid) FROM pg_stat_activity WHERE application_name = '$name'");
	return;
}

sub ends_well
{
	my ($session, $title) = @_;
	my $result = finish_session($session);

	is("$result->{status} $result->{stderr}", '0 ', "$title: committed");
	return;
}

# What others do meanwhile, or rather that it comes to an end.
sub others_go_on
{
	my ($title) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT sum(v) FROM item WHERE id > 90');

	$node->safe_psql('postgres', 'SET synchronous_commit = local; ' . update(91) . '; ' . update(92) . "; NOTIFY other, '$title'");
	is($node->safe_psql('postgres', 'SELECT sum(v) FROM item WHERE id > 90'), $before + 2,
		"$title: others read and write");
	return;
}

sub told
{
	$redis->resume;
	await_told($node);
	await($node, 'SELECT count(*) FROM cache_outbox', 0);
	return;
}

# ---- NOTIFY ----

{
	my $listener = open_session($node);
	my $all = '';
	my $heard = sub { $all .= $listener->query_safe('SELECT 1'); $all =~ /with payload "\Q$_[0]\E"/ };

	$listener->query_safe('LISTEN own; LISTEN other');
	$redis->pause;
	my $one = start_sync(update(1) . q{; BEGIN; NOTIFY own, 'one'; } . update(2) . '; COMMIT', 'one');
	my $two = start_sync(q{BEGIN; NOTIFY own, 'two'; } . update(3) . '; COMMIT', 'two');

	await_waiting($_) foreach qw(one two);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE application_name IN ('one', 'two')}), 0, 'NOTIFY: who waits holds no lock');
	others_go_on('NOTIFY');
	ok($heard->('NOTIFY'), 'NOTIFY: others are heard');
	signal('one', 'pg_cancel_backend');
	await_that('for the next statement to wait', sub { is_over($one) || $heard->('one')
		  || $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'one'
			  AND query LIKE 'COMMIT%' AND $waits") });
	signal('one', 'pg_cancel_backend');
	ends_well($one, 'NOTIFY, cancelled');
	await_that('for the notification', sub { $heard->('one') });
	told();
	ends_well($two, 'NOTIFY');
	await_that('for the notification', sub { $heard->('two') });
	$listener->quit;
}

# ---- postgres_fdw to the own server ----

# It commits there while it is about to commit here; the row that it has locked here
# stays locked for so long, as with any slow commit there.
{
	$redis->pause;
	my $one = start_sync('BEGIN; ' . update(4) . '; ' . update(5, 'far_item') . '; COMMIT', 'near');

	await_waiting('far');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE a.application_name = 'far'}), 0, 'postgres_fdw: who waits there holds no lock');
	others_go_on('postgres_fdw');
	$node->safe_psql('postgres', update(5));
	pass('postgres_fdw: what is committed there is free');
	signal('near', 'pg_cancel_backend');
	my $result = finish_session($one);
	like($result->{stderr}, qr/canceling statement due to user request/, 'postgres_fdw: cancelled while it waits there');
	is($node->safe_psql('postgres', 'SELECT v FROM item WHERE id IN (4, 5) ORDER BY id'), "0\n2",
		'... so that this is as postgres_fdw has it');
	told();

	$redis->pause;
	$one = start_sync('BEGIN; ' . update(4) . '; ' . update(5, 'far_item') . '; COMMIT', 'near');
	my $two = start_sync('BEGIN; ' . update(6, 'far_item') . '; ' . update(7) . '; COMMIT', 'near2');
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'far' AND $waits", 2);
	told();
	ends_well($one, 'postgres_fdw');
	ends_well($two, 'postgres_fdw, another one');
	is($node->safe_psql('postgres', 'SELECT v FROM item WHERE id IN (4, 5, 6, 7) ORDER BY id'), "1\n3\n1\n1",
		'postgres_fdw: here and there');
}

# ---- a synchronous standby that is not there ----

sub use_standby
{
	my ($names) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = '$names'");
	$node->reload;
	# It is the checkpointer that says whether anybody waits.
	await_that('for commits to wait, or not', sub {
		my $probe = start_session($node, q{SELECT pg_logical_emit_message(true, '', '')}, name => 'probe');
		await_that('for the probe', sub { is_over($probe) || $node->safe_psql('postgres',
			q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'probe' AND wait_event = 'SyncRep'}) });
		my $waited = !is_over($probe);
		signal('probe', 'pg_terminate_backend');
		finish_session($probe);
		$waited == ($names ne '');
	});
	return;
}

{
	my $listener = open_session($node);
	my $rep = q{wait_event = 'SyncRep'};

	$listener->query_safe('LISTEN cachefront');
	use_standby('nobody');
	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'}, 0);
	$redis->pause;
	my $one = start_sync(update(8), 'one');
	my $two = start_sync(update(9), 'two');

	await_waiting($_, $rep) foreach qw(one two);
	others_go_on('no standby');
	is($node->safe_psql('postgres', 'SELECT v FROM item WHERE id = 8'), 0, 'no standby: what is not committed for others is not seen');
	await_that('for the worker to publish', sub { $listener->query_safe('SELECT 1') =~ /"i:91"/ });
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), 2,
		'no standby: nor does a worker wait for it');

	signal('one', 'pg_cancel_backend');
	await_waiting('one');
	is($node->safe_psql('postgres', 'SELECT v FROM item WHERE id = 8'), 1, 'no standby, cancelled: it is seen');
	signal('one', 'pg_cancel_backend');
	my $result = finish_session($one);
	is($result->{status}, 0, 'no standby, cancelled twice: the commit stands');
	like($result->{stderr}, qr/canceling wait for synchronous replication/, '... and says so');

	signal('two', 'pg_terminate_backend');
	$result = finish_session($two);
	isnt($result->{status}, 0, 'no standby: terminated');
	told();
	is($node->safe_psql('postgres', 'SELECT v FROM item WHERE id IN (8, 9) ORDER BY id'), "1\n1",
		'no standby: Redis is told of both');
	use_standby('');
	$listener->quit;
}

# ---- a database for oneself ----

# In each database something has been changed, Redis is not told of it, and somebody
# else waits for that in his commit.
{
	my $failures = sub { stat($node, 'sync_failures') };

	foreach my $database (qw(db1 db2))
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->safe_psql($database, q{
			CREATE EXTENSION cachefront;
			CREATE TABLE item (id int PRIMARY KEY, v int);
			INSERT INTO item VALUES (1, 0);
			SELECT cache_attach('item', 'i:{id}')});
	}
	# Should the machine be so slow that the wait is over before, once more.
	foreach my $try (1 .. 5)
	{
		my $before = $failures->();

		$redis->pause;
		my @left = map { start_session($node, 'SET cachefront.redis_commit = sync; ' . update(1),
				database => $_, name => "left $_") } qw(db1 db2);
		await_waiting("left $_") foreach qw(db1 db2);
		signal("left $_", 'pg_cancel_backend') foreach qw(db1 db2);
		finish_session($_) foreach @left;
		my $waiting = start_sync(update(10), 'waiting');
		await_waiting('waiting');
		$node->safe_psql('postgres', 'CREATE DATABASE db3 TEMPLATE db1; ');
		$node->safe_psql('postgres', 'ALTER DATABASE db1 RENAME TO db4');
		$node->safe_psql('postgres', 'DROP DATABASE db2');
		$node->safe_psql('postgres', 'DROP DATABASE db4; ALTER DATABASE db3 RENAME TO db1');
		$node->safe_psql('postgres', 'CREATE DATABASE db2 TEMPLATE db1');
		my $held_up = $failures->() - $before - 2;
		told();
		ends_well($waiting, 'a database for oneself');
		last if $held_up == 0 || $try == 5 && !is($held_up, 0, 'nobody is held up by who waits for Redis');
	}
	pass('databases come and go, and change their names');
}

$node->stop;
done_testing();
