# What a database has in Redis is removed when it is dropped or gets another name: of
# that database alone, whatever the names are, of one Redis and of a cluster, and
# without being in anybody's way.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfRedisFleet;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTier->node('main', $redis, 'cachefront.breaker_reset' => '200ms',
	'cachefront.redis_command_timeout' => '2s');
my $system = $node->safe_psql('postgres', 'SELECT system_identifier FROM pg_control_system()');

# More than one step goes through.
my $many = 1200;

sub put
{
	my ($place) = @_;

	$redis->cli('EVAL', "for i = 1, $many do redis.call('HSET', KEYS[1] .. i, 'v', 'x') end", 1, "cf:$system.$place:");
	return;
}

sub left
{
	my ($place) = @_;

	return scalar grep { index($_, "cf:$system.$place:") == 0 } keys_of($redis);
}

# Names of databases, and how they are written in Redis.
my @names = ([ 'gone', 'gone' ], [ 'go*', 'go*' ], [ 'g[o]?\\', 'g[o]?\\' ], [ 'a:b', 'a%3Ab' ]);

foreach my $case (@names)
{
	my ($name, $place) = @$case;

	put($place);
	put('gone2');
	$node->safe_psql('postgres', qq{CREATE DATABASE "$name"});
	$node->safe_psql('postgres', qq{DROP DATABASE "$name"});
	await_that("for keys of $name to go", sub { left($place) == 0 });
	is(left('gone2'), $many, "$name is dropped: what is of others stays");
	$redis->cli('FLUSHALL');
}

put($_) foreach qw(one two);
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE one', 'ALTER DATABASE one RENAME TO two';
await_that('for keys of the old name to go', sub { left('one') == 0 });
is(left('two'), $many, 'renamed: what is of the new name stays');

# In nobody's way, and not forgotten.
$redis->pause;
$node->safe_psql('postgres', 'DROP DATABASE two');
$node->safe_psql('postgres', 'CREATE DATABASE two');
pass('silent: a database is dropped, and comes again');
await($node, q{SELECT breaker <> 'closed' FROM cache_status});
$redis->resume;
await_that('for keys to go when it is back', sub { left('two') == 0 });
pass('silent: done when it is back');

# A right that is missing is named, and ends it.
$redis->cli(qw(ACL SETUSER default -scan));
put('two');
$node->safe_psql('postgres', 'DROP DATABASE two');
await($node, q{SELECT l2_obstacle ~* 'scan' FROM cache_status});
pass('refused: named');
$redis->cli(qw(ACL SETUSER default +scan));
is(left('two'), $many, 'refused: it stays');

# With a namespace it cannot be told whose a key is.
reconfigure($node, 'cachefront.namespace' => "$system.shared");
await($node, q{SELECT l2 FROM cache_status}, 'up');
put($_) foreach qw(shared three);
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE three', 'DROP DATABASE three';
reconfigure($node, 'cachefront.namespace' => '');
put('four');
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE four', 'DROP DATABASE four';
await_that('for another database to go', sub { left('four') == 0 });
is(left('three') . ' ' . left('shared'), "$many $many", 'cachefront.namespace: all stays');

# ---- a cluster ----

my $fleet = CfRedisFleet->cluster;

sub left_there
{
	my ($place) = @_;
	my $n = 0;

	$n += grep { index($_, "cf:$system.$place:") == 0 } split /\n/, $_->cli('KEYS', '*')
	  foreach @{ $fleet->{nodes} }[0 .. 2];
	return $n;
}

$redis->kill;
reconfigure($node, 'cachefront.redis_url' => $fleet->url);
await($node, q{SELECT l2 FROM cache_status}, 'up');
foreach my $place (qw(gone gone2))
{
	foreach my $i (1 .. 60)
	{
		my $key = "cf:$system.$place:$i";

		$fleet->owner($key)->cli('HSET', $key, 'v', 'x');
	}
}
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE gone', 'DROP DATABASE gone';
await_that('for keys to go from all nodes', sub { left_there('gone') == 0 });
is(left_there('gone2'), 60, 'a cluster: what is of others stays');

$node->stop;
done_testing();
