# What a database has in Redis is removed when it is dropped or gets another name: of
# that database alone, whatever the names are, of one Redis and of a cluster, and
# without being in anybody's way. So is what a named loader has there under an old version.

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

# ---- old versions of a named loader ----

my $ns = namespace($node);

sub versions
{
	my ($cache) = @_;
	my %n;

	foreach my $key (keys_of($redis))
	{
		$n{$1}++ if $key =~ /^\Qcf:$ns:$cache:\E(v[^:]+):/;
	}
	return join(' ', map { "$_ $n{$_}" } sort keys %n);
}

# Each goes on until the last value is in Redis: nobody waits for what is stored there.
sub read_all
{
	my ($cache, $expected) = @_;

	await_that("for values of $cache", sub {
		$node->safe_psql('postgres', "SELECT count(cache_read('$cache', i)) FROM generate_series(1, 3) i");
		return versions($cache) =~ /\b\Q$expected\E\b/;
	});
	return;
}

sub auto
{
	my ($cache) = @_;

	return $node->safe_psql('postgres', "SELECT split_part(cache_key('$cache', 1), ':', 2)");
}

# What was asked for before is done when this is, for it is done in turn.
sub await_sweeps
{
	$redis->cli('HSET', "cf:$ns:last:va:1", 'v', 'x');
	$node->safe_psql('postgres', "SELECT cache_alter('last', version => '$_')") foreach qw(b a);
	await_that('for the last sweep', sub { versions('last') eq '' });
	return;
}

sub await_versions
{
	my ($cache, $expected) = @_;

	await_that("for $cache to have '$expected' alone", sub { versions($cache) eq $expected });
	return;
}

$redis->cli('FLUSHALL');
$node->safe_psql('postgres', $_) foreach (
	'CREATE TABLE things (id int PRIMARY KEY, v int)',
	'INSERT INTO things SELECT i, i FROM generate_series(1, 3) i',
	(map { "SELECT cache_define('$_', query => 'SELECT * FROM things WHERE id = \$1', arg_types => '{int}')" } qw(thing thing2)),
	q{SELECT cache_define('last', query => 'SELECT $1 AS v', arg_types => '{int}', version => 'a')});
my $first = auto('thing');
read_all($_, "$first 3") foreach qw(thing thing2);

$node->safe_psql('postgres', "BEGIN; ALTER TABLE things ADD w int; SELECT cache_read('thing', 1); ROLLBACK");
await_sweeps();
is(versions('thing'), "$first 3", 'DDL that is rolled back: all stays');
$node->safe_psql('postgres', 'ALTER TABLE things ADD w int');
my $second = auto('thing');
isnt($second, $first, 'DDL: another version');
await_versions('thing', '');
is(versions('thing2'), "$first 3", 'DDL: removed when a key is made; what is of other caches stays');
read_all('thing', "$second 3");
read_all('thing2', "$second 3");
await_versions('thing2', "$second 3");

$node->safe_psql('postgres', q{BEGIN; SELECT cache_alter('thing', version => 'a'); ROLLBACK});
$node->safe_psql('postgres',
	q{BEGIN; SAVEPOINT s; SELECT cache_drop('thing'); ROLLBACK TO s; SAVEPOINT t; SELECT cache_alter('thing2', version => 'b'); RELEASE t; COMMIT});
await_versions('thing2', '');
await_sweeps();
is(versions('thing'), "$second 3", 'rolled back: it stays');

# From one version of one's own to another, to none, and away.
$node->safe_psql('postgres', q{SELECT cache_alter('thing', version => 'a')});
await_versions('thing', '');
read_all('thing', 'va 3');
read_all('thing2', 'vb 3');
$node->safe_psql('postgres', q{SELECT cache_alter('thing', ttl => '1 hour')});
$node->safe_psql('postgres', q{SELECT cache_define('thing2', query => 'SELECT * FROM things WHERE id = $1', arg_types => '{int}', version => 'a')});
await_versions('thing2', '');
await_sweeps();
is(versions('thing'), 'va 3', 'another setting: the version, and what is there, stays');
$node->safe_psql('postgres', q{SELECT cache_drop('thing')});
await_versions('thing', '');
read_all('thing2', 'va 3');
pass('altered, defined anew, dropped: removed');

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
