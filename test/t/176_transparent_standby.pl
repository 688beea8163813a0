# Plain SELECTs on standbys: what memory serves there is what the standby's own tables have,
# while it lags, while nobody reads its WAL, over DDL, and through its promotion.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $primary = PostgreSQL::Test::Cluster->new('primary');
my %conf = (
	'shared_preload_libraries' => 'cachefront',
	'max_connections' => 50,
	'max_prepared_transactions' => 2,
	'autovacuum' => 'off',
	'cachefront.hash_seed' => 1,
	'cachefront.l1_save' => 'off',
	'cachefront.ttl_jitter' => 0,
	'cachefront.xfetch_beta' => 0,
	'cachefront.transparent' => 'auto',
	'cachefront.transparent_min_saving' => 0,
	'max_standby_streaming_delay' => -1);

$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "$_ = '$conf{$_}'") foreach sort keys %conf;
$primary->start;
$primary->safe_psql(
	'postgres', q{
	CREATE EXTENSION cachefront;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 20) i;
	CREATE TABLE part (id int, v int) PARTITION BY RANGE (id);
	CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
	CREATE TABLE part2 (id int, v int);
	INSERT INTO part VALUES (1, 1);
	INSERT INTO part2 VALUES (11, 1);
	CREATE VIEW sums AS SELECT sum(v) AS s FROM item;
	CREATE SCHEMA first;
	CREATE FUNCTION fresh() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ DECLARE r bigint; BEGIN SELECT sum(v) INTO r FROM item; RETURN r; END $$;
	CREATE FUNCTION as_caller() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE r bigint; BEGIN SELECT sum(v) INTO r FROM item; RETURN r; END $$;
	CREATE ROLE reader LOGIN;
	GRANT SELECT ON item TO reader});
debug($primary);

sub standby_of
{
	my ($upstream, $name) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$upstream->backup("for_$name");
	$standby->init_from_backup($upstream, "for_$name", has_streaming => 1);
	$standby->start;
	return $standby;
}

my $standby = standby_of($primary, 'standby');
my $cascade = standby_of($standby, 'cascade');
my @standbys = ($standby, $cascade);
my $control = open_session($standby);
my $sum = 'SELECT sum(v) FROM item';
my $one = 'SELECT v FROM item WHERE id = 7';

sub replayed
{
	$primary->wait_for_catchup($standby);
	$standby->wait_for_catchup($cascade, 'replay', $primary->lsn('write'));
	return;
}

sub on_primary
{
	$primary->safe_psql('postgres', $_[0]);
	return;
}

sub changed
{
	on_primary($_[0]);
	replayed();
	return;
}

sub hits { return stat($_[0], 'l1_hits') }

# Reads until it is a hit; returns what that gave.
sub hit
{
	my ($server, $sql, $session) = @_;
	my $got;

	await_that("for a hit on " . $server->name . ": $sql", sub {
		my $before = hits($server);

		$got = $session ? $session->query_safe($sql) : $server->safe_psql('postgres', $sql);
		return hits($server) > $before;
	});
	return $got;
}

replayed();

# ---- hits, and changes ----

foreach my $server (@standbys)
{
	my $name = $server->name;

	foreach my $sql ($sum, $one, 'SELECT s FROM sums', 'SELECT fresh()', 'SELECT count(*), sum(v) FROM part')
	{
		my $plain = $server->safe_psql('postgres', "SET cachefront.transparent = off; $sql");

		is(hit($server, $sql), $plain, "$name: $sql is served");
	}
	is(hit($server, "PREPARE p(int) AS SELECT v FROM item WHERE id = \$1; EXECUTE p(3); EXECUTE p(3)"), "0\n0",
		"$name: a prepared statement");
}
foreach my $v (1 .. 5)
{
	changed("UPDATE item SET v = $v WHERE id = 7");
	foreach my $server (@standbys)
	{
		is($server->safe_psql('postgres', "$sum; $one; SELECT s FROM sums; SELECT fresh()"), join("\n", ($v) x 4),
			$server->name . ": change $v is seen");
		is(hit($server, $sum), $v, $server->name . ': and served again');
	}
}

# ---- a standby that lags has what its own tables have ----

foreach my $server (@standbys)
{
	my $name = $server->name;

	hit($server, $_) foreach $sum, $one;
	$server->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	await($server, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
	my $before = $server->safe_psql('postgres', "SET cachefront.transparent = off; $sum");

	on_primary('UPDATE item SET v = v + 1 WHERE id = 7');
	is($primary->safe_psql('postgres', $sum), $before + 1, "$name is paused: the primary has what is new");
	is(hit($server, $sum), $before, "$name goes on to serve what it has");
	# Known already, and asked for first while it lags.
	is(hit($server, "SELECT max(v) FROM item WHERE id > 6"), $before, "$name: and keeps what it reads");
	$server->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	replayed();
	is($server->safe_psql('postgres', "$sum; SELECT max(v) FROM item WHERE id > 6"), join("\n", ($before + 1) x 2),
		"$name: until it has replayed");
}

# ---- old snapshots ----

{
	my $old = open_session($standby);
	my $before = $old->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL cachefront.transparent = off; $sum");

	$old->query_safe('SET LOCAL cachefront.transparent = auto');
	changed('UPDATE item SET v = v + 1 WHERE id = 7');
	is(hit($standby, $sum), $before + 1, 'others have what is new');
	is($old->query_safe($sum), $before, 'REPEATABLE READ sees its snapshot') foreach 1 .. 3;
	$old->query_safe('COMMIT');
	is($old->query_safe($sum), $before + 1, 'and then what is new');

	# A statement in a STABLE function has the snapshot of the statement around it.
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('load-after-snapshot')});
	my $reader = start_session($standby,
		q{SELECT cache_fetch('k', 'SELECT v FROM item WHERE id = 1')::text || (SELECT v FROM item WHERE id = 7) || ' ' || as_caller()});
	await_waitpoint($standby);
	changed('UPDATE item SET v = v + 1 WHERE id = 7');
	is(hit($standby, $sum), $before + 2, 'others have what is new');
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('load-after-snapshot')});
	my ($outer, $inner) = finish_session($reader)->{stdout} =~ /\](\d+) (\d+)$/;
	is($inner, $outer, 'one statement has one snapshot');
	$old->quit;
}

# ---- races: a commit is replayed while a statement is kept ----

foreach my $point ('statement-before-stamp', 'statement-leads', 'fetch-before-fill')
{
	foreach my $query ([ 'SELECT sum(v) * 2 FROM item', 'simple' ], [ 'PREPARE p AS SELECT sum(v) * 3 FROM item; EXECUTE p', 'prepared' ])
	{
		my ($sql, $how) = @$query;
		my $reader;

		# EXECUTE shares its snapshot with nobody who reads, but that is not known: it flies alone.
		next if $how eq 'prepared' && $point eq 'statement-leads';
		changed('UPDATE item SET v = v + 1 WHERE id = 7');
		$control->query_safe("SELECT cf_debug_waitpoint_enable('$point')");
		$reader = start_session($standby, $sql);
		await_waitpoint($standby);
		on_primary('UPDATE item SET v = v + 1 WHERE id = 7');
		replayed();
		$control->query_safe("SELECT cf_debug_waitpoint_release('$point')");
		finish_session($reader);
		is($standby->safe_psql('postgres', $sql), $standby->safe_psql('postgres', "SET cachefront.transparent = off; $sql"),
			"$point, $how: who comes later has the change");
	}
}

# ---- nobody reads the WAL ----

{
	my $follower = worker_pid($standby, 'cachefront follower');
	my $expected = hit($standby, $sum);
	my $behind = stat($standby, 'standby_behind');
	my $before;

	kill 'STOP', $follower;
	foreach my $i (1 .. 3)
	{
		on_primary('UPDATE item SET v = v + 1 WHERE id = 7');
		$primary->wait_for_catchup($standby);
		is($standby->safe_psql('postgres', "$sum; $sum"), join("\n", ($expected + $i) x 2), "blind, change $i: its tables are read");
	}
	cmp_ok(stat($standby, 'standby_behind'), '>', $behind, 'and that is counted');
	kill 'CONT', $follower;
	is(hit($standby, $sum), $expected + 3, 'it reads again, and hits come back');
	replayed();
}

# ---- definitions and rights ----

{
	my $known = open_session($standby);
	my $bound = open_session($standby);
	my $reader = open_session($standby, 'postgres', extra_params => [ '-U', 'reader' ], on_error_stop => 0);
	my $of_part = 'SELECT count(*), sum(v) FROM part';
	my $of_view = 'SELECT s FROM sums';
	my $v = hit($standby, $sum);

	hit($standby, $of_part, $known) foreach 1 .. 3;
	$bound->query_safe("PREPARE parts AS $of_part");
	hit($standby, 'EXECUTE parts', $bound) foreach 1 .. 8;
	changed('ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20)');
	is($known->query_safe($of_part), '2|2', 'a known text: with the partition') foreach 1 .. 2;
	is($bound->query_safe('EXECUTE parts'), '2|2', 'a prepared statement as well') foreach 1 .. 2;
	is(hit($standby, 'EXECUTE parts', $bound), '2|2', 'and it is served again');
	changed('ALTER TABLE part DETACH PARTITION part2');
	is($known->query_safe($of_part), '1|1', 'a known text: without the partition');
	is($bound->query_safe('EXECUTE parts'), '1|1', 'a prepared statement as well');

	hit($standby, $of_view, $known) foreach 1 .. 3;
	changed('CREATE OR REPLACE VIEW sums AS SELECT sum(v) + 1000 AS s FROM item');
	is($known->query_safe($of_view), $v + 1000, 'a view that was replaced') foreach 1 .. 2;

	# A name that comes to mean another table.
	$known->query_safe('SET search_path = first, public');
	is(hit($standby, $sum, $known), $v, 'a name of a later schema') foreach 1 .. 3;
	changed('CREATE TABLE first.item AS SELECT 1 AS id, -5 AS v');
	# What the text meant has an answer again, of who names the other table.
	hit($standby, "SET search_path = first, public; SELECT sum(v) FROM public.item");
	is($known->query_safe($sum), -5, 'that a new table hides');
	is(hit($standby, $sum, $known), -5, 'and is served') foreach 1 .. 2;
	changed('ALTER TABLE first.item RENAME TO other');
	is($known->query_safe($sum), $v, 'until it gets another name');

	is(hit($standby, $sum, $reader), $v, 'another role has its own') foreach 1 .. 3;
	changed('REVOKE SELECT ON item FROM reader');
	is(scalar $reader->query($sum), '', 'until its right is revoked');
	$_->quit foreach $known, $bound, $reader;
}

# ---- prepared transactions ----

{
	my $v = hit($standby, $sum);

	changed(q{BEGIN; UPDATE item SET v = v + 1 WHERE id = 7; PREPARE TRANSACTION 'p'});
	is(hit($standby, $sum), $v, 'prepared: nothing is seen');
	changed(q{COMMIT PREPARED 'p'});
	is($standby->safe_psql('postgres', $sum), $v + 1, 'committed: it is');
}

# ---- promotion: with plans, known texts and snapshots of before ----

{
	my $known = open_session($standby);
	my $bound = open_session($standby);
	my %old = map { $_ => open_session($standby) } 'plain', 'fetch';
	my $fetch = qq{SELECT cache_fetch_row('sum', '$sum')->>'sum'};
	my $of_part = 'SELECT count(*), sum(v) FROM part';
	my $v = hit($standby, $sum);

	hit($standby, $_, $known) foreach ($sum, $of_part) x 3;
	$bound->query_safe("PREPARE p AS $sum; PREPARE parts AS $of_part");
	hit($standby, $_, $bound) foreach ('EXECUTE p', 'EXECUTE parts') x 8;
	$_->query_safe("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL cachefront.transparent = off; $sum; SET LOCAL cachefront.transparent = auto")
	  foreach values %old;
	changed('UPDATE item SET v = v + 1 WHERE id = 7; UPDATE part SET v = 2');
	$control->quit;
	$cascade->stop;
	$primary->stop;
	$standby->promote;
	is($known->query_safe("$sum; $of_part"), $v + 1 . "\n1|2", 'promoted: known texts');
	is($bound->query_safe('EXECUTE p; EXECUTE parts'), $v + 1 . "\n1|2", 'promoted: prepared statements');
	is(hit($standby, $sum, $known), $v + 1, 'they are served again');
	is(hit($standby, 'EXECUTE p', $bound), $v + 1, 'these, too');
	is(hit($standby, $fetch), $v + 1, 'and what is fetched');
	is($old{plain}->query_safe($sum), $v, 'a snapshot of before the promotion shows what it did') foreach 1 .. 2;
	is($old{fetch}->query_safe($fetch), $v, 'also to who fetches') foreach 1 .. 2;
	is(hit($standby, $sum), $v + 1, 'and nobody gets that') foreach 1 .. 2;
	$standby->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id = 7; ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20)');
	is($known->query_safe("$sum; $of_part"), $v + 2 . "\n2|3", 'its own changes are seen: known texts');
	is($bound->query_safe('EXECUTE p; EXECUTE parts'), $v + 2 . "\n2|3", 'prepared statements');
	is(hit($standby, 'EXECUTE parts', $bound), '2|3', 'and are served');
	$_->quit foreach $known, $bound, values %old;
}

foreach my $node ($primary, @standbys)
{
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:.* leak/,
		$node->name . ': nothing bad in its log');
}
$standby->stop;
done_testing();
