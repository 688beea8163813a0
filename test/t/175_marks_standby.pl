# Marked queries on a standby: they count when they are replayed, and what a session does to find
# out what they mean does nothing to the statement that a conflict with recovery would not do.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $primary = CfTest->node('primary', wal_level => 'replica', max_wal_senders => 5, autovacuum => 'off',
	'cachefront.track_changes' => 'on', 'cachefront.ttl_jitter' => 0, 'cachefront.xfetch_beta' => 0,
	'cachefront.transparent' => 'marked', hot_standby_feedback => 'off', max_standby_streaming_delay => 0);

$primary->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 10) i;
	CREATE TABLE bulk AS SELECT i AS id FROM generate_series(1, 10) i;
	CREATE VIEW sums AS SELECT sum(v) AS s FROM item});
debug($primary);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $sum = 'SELECT sum(v) FROM item WHERE id < 5';

sub changed
{
	$primary->safe_psql('postgres', $_[0]);
	$primary->wait_for_catchup($standby);
	return;
}

sub fetches { return stat($standby, 'fetches') }

# What a statement gives there, and whether the cache was asked.
sub gets
{
	my ($session, $sql) = @_;
	my $before = fetches();

	return ($session->query_safe($sql), fetches() - $before);
}

# ---- marks come and go as they are replayed ----

{
	my $session = open_session($standby);

	$session->query_safe("PREPARE p AS $sum");
	is_deeply([ gets($session, $_) ], [ 0, 0 ], "not marked: $_") foreach $sum, 'EXECUTE p';
	changed(qq{SELECT cache_query('SELECT sum(v) FROM item WHERE id < 1', name => 'sum');
		SELECT cache_query('SELECT s FROM sums', name => 'view')});
	foreach my $v (1 .. 3)
	{
		changed("UPDATE item SET v = $v WHERE id = 1");
		is_deeply([ gets($session, $_) ], [ $v, 1 ], "marked, change $v: $_") foreach ($sum, 'EXECUTE p', 'SELECT s FROM sums') x 2;
	}
	is($session->query_safe('SELECT count(*), count(problem) FROM cache_queries'), '2|0', 'no mark has a problem there');

	# What a mark names is made anew, another thing, and gone.
	changed('DROP VIEW sums; CREATE VIEW sums AS SELECT sum(v) + 10 AS s FROM item');
	is_deeply([ gets($session, 'SELECT s FROM sums') ], [ 13, 1 ], 'a view that is made anew is marked');
	changed('DROP VIEW sums; CREATE VIEW sums AS SELECT sum(v) + 10 AS t FROM item');
	is_deeply([ gets($session, 'SELECT t FROM sums') ], [ 13, 0 ], 'one with other columns is not');
	is($session->query_safe('SELECT name, problem FROM cache_queries WHERE problem IS NOT NULL'),
		'view|column "s" does not exist', 'and that is said');
	# Its error is none of the statement's, in whatever transaction that is.
	is($session->query_safe('BEGIN; SELECT t FROM sums; SAVEPOINT a; SELECT t + 1 FROM sums; ROLLBACK TO a; SELECT t + 2 FROM sums; COMMIT'),
		"13\n14\n15", 'which no statement hears of');

	changed(q{SELECT cache_query_drop('sum'), cache_query_drop('view')});
	is_deeply([ gets($session, $_) ], [ 3, 0 ], "dropped: $_") foreach $sum, 'EXECUTE p';
	$session->quit;
}

# ---- a conflict while a session looks at a mark ----

my $startup = $standby->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'});

# What the server says to a statement that is held as it looks at a mark, while the primary does
# what conflicts with its snapshot.
sub conflict
{
	my ($on_primary, $sql) = @_;

	changed(q{SELECT cache_query('SELECT sum(v) FROM item WHERE id < 1', name => 'sum')});
	$standby->safe_psql('postgres', q{SELECT cf_debug_hold('mark-looked')});
	my $session = start_session($standby, "\\set VERBOSITY verbose\n$sql;\n");
	await($standby, 'SELECT cf_debug_held()', '1');
	$primary->safe_psql('postgres', $_) foreach @$on_primary;
	$primary->wait_for_catchup($standby, 'write');
	# It signals each few milliseconds, and says that it waits after half a second.
	await_that('for the conflict', sub { return process_title($startup) =~ /recovering \w+ waiting/ });
	$standby->safe_psql('postgres', q{SELECT cf_debug_hold(NULL)});
	my $end = finish_session($session);

	changed(q{SELECT cache_query_drop('sum')});
	return $end;
}

my $end = conflict([ 'UPDATE item SET v = v + 1', 'VACUUM item' ], $sum);

# The first word of the server: see 043_conflict.pl.
like($end->{stderr}, qr/\A(?:(?!FATAL).)*ERROR:  40001: canceling statement due to conflict with recovery/s,
	'a conflict fails the statement as without marks, and not with the connection');

$standby->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:.* leak/,
	$_->name . ': nothing bad in its log') foreach $primary, $standby;
done_testing();
