# What write-behind in memory loses when the server is killed: what was committed since the last
# flush, and nothing older. A session adds to one key after the other; its commits are in the order
# of the keys, so what is applied must be all keys up to some key. How old the oldest of the
# others was when the server died is measured.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfTest qw(:DEFAULT query);

my $keys = 200_000;
my $interval = 1;				# seconds; flush_interval
my $node = CfTest->node('main', 'autovacuum' => 'off', 'restart_after_crash' => 'on',
	'cachefront.write_memory' => '64MB',
	# So that all of a round is one statement's.
	'cachefront.max_keys_per_commit' => 800_000);

query(qq{CREATE TABLE page (id int PRIMARY KEY, views int NOT NULL);
	INSERT INTO page SELECT n, 0 FROM generate_series(0, $keys) n;
	SELECT cache_define_writer('v', \$\$UPDATE page p SET views = p.views + b.value FROM unnest(\$1::int[], \$2::bigint[]) AS b(id, value)
		WHERE p.id = b.id\$\$, '{int}', flush_interval => '$interval s', flush_rows => 10000, buffer => 'memory')});

# Adds to the keys from one on, and says of each when it was added; the commit comes before the next.
# It sleeps between, so that it goes on for more than half a minute on the fastest machine.
sub writer
{
	my ($first) = @_;

	return start_session($node, join "\n", map {
		"SELECT $_ || ' ' || extract(epoch FROM clock_timestamp()) FROM (SELECT cache_add('v', 1, $_), pg_sleep(0.001)) x;"
	} $first .. $first + 40_000);
}

# Keys of which it is known that they were committed, with the time by which they were.
sub committed
{
	my ($session) = @_;
	my @said = map { [ split / / ] } grep { /^\d+ \d+\.\d+$/ } split /\n/, slurp_file("$session->{path}.out");

	return map { [ $said[$_][0], $said[ $_ + 1 ][1] ] } 0 .. $#said - 1;
}

my $first = 1;

foreach my $round (1 .. 3)
{
	# A worker that has something stays, and only with a worker memory is used.
	await_that('for a worker', sub {
		query(q{SELECT cache_add('v', 0, 0)});
		return query('SELECT count(*) FROM cache_write_queue') eq '0' &&
			query(q{SELECT buffered FROM cache_writes WHERE name = 'v'}) > 0;
	});
	my $session = writer($first);
	# Two flushes, and then some.
	await_that('for a flush', sub { query(qq{SELECT count(*) FROM page WHERE id >= $first AND views > 0}) > 0 });
	my $applied = query(q{SELECT count(*) FROM page WHERE views > 0});
	await_that('for another', sub { query(q{SELECT count(*) FROM page WHERE views > 0}) > $applied });
	my $n = committed($session);
	await_that('for more', sub { committed($session) > $n + 20 });

	my $pid = query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'});

	kill('KILL', $pid) == 1 or die "could not kill $pid";
	my $died = time();
	finish_session($session);
	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
	query('SELECT cache_flush_writes()');

	my @committed = committed($session);
	my %has = map { $_ => 1 } split /\n/, query("SELECT id FROM page WHERE id >= $first AND views > 0");
	my @lost = grep { !$has{ $_->[0] } } @committed;
	my ($last) = sort { $b <=> $a } keys %has;

	cmp_ok(scalar(@committed), '>', scalar(@lost), "crash $round: not all is lost");
	is(query("SELECT count(*) FROM page WHERE id > 0 AND views > 1"), 0, "crash $round: nothing is applied twice");
	is(scalar(grep { $_->[0] < $last } @lost), 0, "crash $round: nothing is lost that is older than something that is not");
	# A machine that is busy has rounds that take longer; none is left out.
	my $oldest = @lost ? $died - $lost[0][1] : 0;

	cmp_ok($oldest, '<', $interval + 60, "crash $round: what was lost is of the last interval");
	note(sprintf('crash %d: %d of %d commits lost, the oldest %.2f s before the kill',
		$round, scalar(@lost), scalar(@committed), $oldest));
	$first = $committed[-1][0] + 1000;
}

$node->stop;
done_testing();
