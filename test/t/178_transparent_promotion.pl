# Plain SELECTs over a promotion, with Redis: before, as it goes on and after, each of them gives
# what the server's own tables have, and what one server has run before comes from Redis on the
# one that is promoted.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $primary = CfTier->primary('primary', $redis, 'cachefront.track_changes' => 'on', 'cachefront.transparent' => 'marked');
my $rows = 40;

$primary->safe_psql('postgres', qq{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, i FROM generate_series(1, $rows) i;
	CREATE TABLE fine (id int, v int);
	INSERT INTO fine SELECT i, i FROM generate_series(1, $rows) i;
	SELECT cache_query('SELECT v FROM item WHERE id = 1', name => 'item');
	SELECT cache_query('SELECT sum(v) FROM fine WHERE id = 1', name => 'fine')});
debug($primary);

my $standby = standby_of($primary, 'standby');

await($_, 'SELECT l2 FROM cache_status', 'up') foreach $primary, $standby;

sub item { return "SELECT v FROM item WHERE id = $_[0]" }
sub fine { return "SELECT sum(v) FROM fine WHERE id = $_[0]" }

# All statements of a kind in one session; returns their values.
sub values_of
{
	my ($server, $statement, $transparent) = @_;

	return $server->safe_psql('postgres', "SET cachefront.transparent = $transparent; "
		  . join('; ', map { $statement->($_) } 1 .. $rows));
}

# They are what the tables have; returns what was done for them.
sub are_exact
{
	my ($server, $statement, $title) = @_;
	my $before = counters($server);

	is(values_of($server, $statement, 'marked'), values_of($server, $statement, 'off'), "$title: exact");
	return since($server, $before, qw(l1_hits l2_hits loads));
}

# ---- before ----

# Twice: of a table that nobody has depended on before the first result is not kept.
are_exact($primary, \&item, 'filled by the primary') foreach 1 .. 2;
await_replayed($primary, $standby);
is_deeply(are_exact($standby, \&item, 'before, on the standby'), { l1_hits => 0, l2_hits => $rows, loads => 0 },
	'before: all of the primary comes from Redis');
is_deeply(are_exact($standby, \&item, 'before, once more'), { l1_hits => $rows, l2_hits => 0, loads => 0 }, 'and then from memory');
are_exact($standby, \&fine, 'filled by the standby') foreach 1 .. 2;

# ---- at ----

# What the primary changed last, and the standby has not replayed yet.
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
await($standby, 'SELECT pg_get_wal_replay_pause_state()', 'paused');
$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1000 WHERE id <= 5');
are_exact($primary, \&item, 'the primary has what is new, and Redis, too') foreach 1 .. 2;
is_deeply(are_exact($standby, \&item, 'while it lags'), { l1_hits => $rows, l2_hits => 0, loads => 0 }, 'a standby that lags has what it had');
$primary->wait_for_catchup($standby, 'write', $primary->lsn('flush'));

# Sessions that read all the time, over the promotion: item 1 to 5 go from old to new and never back.
my $last = join('; ', map { item($_) } 1 .. 5);
my @readers = map { open_session($standby) } 1 .. 3;
my %new;
my ($wrong, $reads) = (0, 0);

sub read_on
{
	foreach my $i (0 .. $#readers)
	{
		my @got = split /\n/, $readers[$i]->query_safe($last);

		foreach my $id (1 .. 5)
		{
			my $is_new = $got[$id - 1] == $id + 1000;

			$wrong++ if @got != 5 || (!$is_new && ($got[$id - 1] != $id || $new{"$i $id"}));
			$new{"$i $id"} ||= $is_new;
			$reads++;
		}
	}
	return;
}

read_on() foreach 1 .. 3;
$primary->stop('immediate');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$standby->safe_psql('postgres', 'SELECT pg_promote(false)');
await_that('for the promotion', sub {
	read_on();
	return $standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 'f';
});
read_on() foreach 1 .. 3;
is($wrong, 0, "at the promotion: $reads reads, none of a value that was gone before");
is((grep { $_ } map { my $i = $_; map { $new{"$i $_"} } 1 .. 5 } 0 .. $#readers), 15, 'all readers have come to what is new');
$_->quit foreach @readers;

# ---- after ----

await($standby, 'SELECT l2 FROM cache_status', 'up');
are_exact($standby, $_, 'after') foreach \&item, \&fine;

# Memory is empty: what both had stored while they were primary and standby comes from Redis.
reset_l1($standby);
foreach my $kind ([ 'of the old primary', \&item ], [ 'of itself as a standby', \&fine ])
{
	my ($title, $statement) = @$kind;
	my $did = are_exact($standby, $statement, "after, $title");

	is_deeply($did, { l1_hits => 0, l2_hits => $rows, loads => 0 }, "after: what is $title comes from Redis");
}

# And its own commits count from the first on.
$standby->safe_psql('postgres', 'UPDATE item SET v = v + 1 WHERE id = 7; UPDATE fine SET v = v + 1');
are_exact($standby, $_, 'after its own commits') foreach \&item, \&fine;
reset_l1($standby);
is(are_exact($standby, \&item, 'and from Redis')->{l2_hits}, $rows, 'what it has run since comes from Redis as well');

unlike(PostgreSQL::Test::Utils::slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:.* leak/,
	$_->name . ': nothing bad in its log') foreach $primary, $standby;
$standby->stop;
done_testing();
