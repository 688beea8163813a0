# What Redis holds and must not be believed for: it comes back from a dump, or loses
# the end of its log; a session goes to another one and back; it was switched off, or
# silent; another cluster, or another database, has the same names there; it holds keys
# of other types.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use File::Copy qw(copy);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT await_up);
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTier->primary(
	'primary', $redis,
	'cachefront.redis_command_timeout' => '5s',
	'cachefront.redis_connect_timeout' => '5s',
	'cachefront.breaker_reset' => '300ms',
	'cachefront.l1_max_value' => 0);	# each read goes to Redis
my $ns = namespace($node);

sub on
{
	my ($server, $sql, $database) = @_;

	return $server->safe_psql($database // 'postgres', $sql);
}

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id', ttl => '1 hour')";
}

# Reads all keys, and compares each with the table.
my $all = q{SELECT count(*) FROM item
	WHERE v <> (cache_fetch_row('i:' || id, format('SELECT v FROM item WHERE id = %s', id), ttl => '1 hour')->>'v')::int};

sub right
{
	my ($title, $session) = @_;

	is($session ? $session->query_safe($all) : on($node, $all), 0, "$title: nothing old");
	return;
}

sub hits
{
	my ($title, $n) = @_;
	my $before = counters($node);

	right($title);
	is(since($node, $before, 'l2_hits')->{l2_hits}, $n, "$title: $n hits in Redis");
	return;
}

debug($node);
on($node, q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 20) i;
	SELECT cache_attach('item', 'i:{id}'), cache_define('i', scope => 'shared');
	CREATE TABLE secret (v int); INSERT INTO secret VALUES (42);
	CREATE ROLE grp; CREATE ROLE bob LOGIN; GRANT grp TO bob; GRANT SELECT ON secret TO grp;
	CREATE DATABASE plain;
});
await_up($node);
right('filled');
hits('all is there', 20);

# ---- a dump ----

{
	my $dump = "$redis->{dir}/dump.rdb";

	command($redis, 'SAVE');
	copy($dump, "$dump.old") or die "could not copy: $!";
	on($node, 'UPDATE item SET v = 1 WHERE id <= 10');
	right('after a commit');
	$redis->kill;
	copy("$dump.old", $dump) or die "could not copy: $!";
	$redis->start;
	await_up($node);
	is(value_in($redis, "cf:$ns:i:1"), '[{"v":0}]', 'a dump has what was there before');
	hits('a restored dump', 10);
	# Again and again, with what has been stored since.
	foreach my $v (2 .. 4)
	{
		command($redis, 'SAVE');
		on($node, "UPDATE item SET v = $v WHERE id = $v");
		right("dump $v");
		$redis->kill;
		$redis->start;
		await_up($node);
		right("restored $v");
	}
	unlink $dump;
}

# A log that is written each second, and a crash.
{
	my $logged = CfRedis->new('logged', stopped => 1);

	$logged->configure('appendonly' => 'yes', 'appendfsync' => 'everysec');
	$logged->start;
	reconfigure($node, 'cachefront.redis_url' => $logged->url('unix'));
	await_up($node);
	foreach my $n (1 .. 5)
	{
		right("log $n, before");
		on($node, "UPDATE item SET v = 10 + $n WHERE id = $n");
		right("log $n, after");
		$logged->kill;
		$logged->start;
		await_up($node);
		right("log $n, after a crash");
	}
	reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
	await_up($node);
}

# ---- another Redis, another name, none; and back, in one session ----

{
	my $other = CfRedis->new('other');
	my $session = open_session($node, 'postgres');
	my @places = (
		[ 'another Redis', 'cachefront.redis_url' => $other->url('unix') ],
		[ 'back', 'cachefront.redis_url' => $redis->url('unix') ],
		[ 'another database of it', 'cachefront.redis_url' => $redis->url('unix', undef, 1) ],
		[ 'back', 'cachefront.redis_url' => $redis->url('unix') ],
		[ 'another name', 'cachefront.namespace' => 'elsewhere' ],
		[ 'back', 'cachefront.namespace' => '' ],
		[ 'none', 'cachefront.redis_url' => '' ],
		[ 'back', 'cachefront.redis_url' => $redis->url('unix') ]);
	my $v = 20;

	right('before', $session);
	foreach my $place (@places)
	{
		my ($title, @setting) = @$place;

		reconfigure($node, @setting);
		await_up($node) unless $title eq 'none';
		right("$title, there already", $session);
		on($node, 'UPDATE item SET v = ' . $v++ . ' WHERE id <= 5');
		right($title, $session);
	}
	# What the last change drops, later than its commit, may be what was filled since.
	await_that('for all of it to come from Redis', sub {
		my $before = counters($node);

		$session->query_safe($all);
		return since($node, $before, 'l2_hits')->{l2_hits} == 20;
	});
	pass('and Redis is in use');
	$session->quit;
}

# ---- silent ----

$redis->pause;
on($node, 'UPDATE item SET v = 50 WHERE id = 5');
right('silent');
$redis->resume;
await_up($node);
right('and back');

my $bob = "SET SESSION AUTHORIZATION bob; SELECT cache_fetch('s', 'SELECT v FROM secret', ttl => '1 hour')";

is(on($node, $bob), '[{"v":42}]', 'bob may');
is(scalar(grep { /^v:/ } fields($redis, "cf:$ns:s")), 1, 'and Redis has it');
$redis->pause;
on($node, 'REVOKE grp FROM bob', 'plain');
$node->restart;
$redis->resume;
await_up($node);
my ($rc, $stdout, $stderr) = $node->psql('postgres', $bob);
like($stderr, qr/permission denied/, 'a right that was lost while Redis was silent is lost, also after a restart');

# ---- the same names ----

# With a namespace two clusters meet there, where a field has no identity.
{
	my $stranger = CfTier->primary('stranger', $redis,
		'cachefront.namespace' => 'common', 'cachefront.l1_max_value' => 0);

	reconfigure($node, 'cachefront.namespace' => 'common');
	on($stranger, q{
		CREATE TABLE item (id int PRIMARY KEY, v int);
		INSERT INTO item SELECT i, -1 FROM generate_series(1, 20) i;
		SELECT cache_attach('item', 'i:{id}'), cache_define('i', scope => 'shared')});
	await_up($stranger);
	await_up($node);
	foreach my $n (1 .. 3)
	{
		is(on($stranger, item(1)), '[{"v":-1}]', 'another cluster in the namespace reads what is its own');
		right('another cluster in the namespace');
		is(on($node, item(1)), '[{"v":27}]', 'each its own') if $n < 2;
		on($node, 'UPDATE item SET v = v + 1 WHERE id = 1');
		on($stranger, 'UPDATE item SET v = v WHERE id = 1');
	}
	cmp_ok(stat($node, 'l2_foreign'), '>', 0, 'which is counted');
	my ($theirs) = namespace($stranger) =~ /^(\d+)/;
	like(slurp_file($node->logfile), qr/The other server's system identifier is $theirs/, 'and logged, with its name');
	my @lines = slurp_file($node->logfile) =~ /has values that another server has stored/g;
	is(scalar @lines, 1, 'once a minute');
	reconfigure($node, 'cachefront.namespace' => '');
	$stranger->stop;
}

# A key may begin as the rest of a database's name.
{
	foreach my $database ('nx', 'nx:y', 'nx%3Ay')
	{
		on($node, qq{CREATE DATABASE "$database"});
		on($node, q{CREATE EXTENSION cachefront; SELECT cache_define('k', scope => 'shared'), cache_define('y', scope => 'shared')}, $database);
	}
	my ($sysid) = $ns =~ /^(\d+)/;
	my %reads = ('nx' => 'y:k', 'nx:y' => 'k', 'nx%3Ay' => 'k');
	foreach my $n (1, 2)
	{
		is(on($node, "SELECT cache_fetch('$reads{$_}', 'SELECT current_database() AS d')", $_), "[{\"d\":\"$_\"}]", "$_, $n")
		  foreach sort keys %reads;
	}
	is(join(' ', keys_of($redis, "cf:$sysid.nx*")), "cf:$sysid.nx%253Ay:k cf:$sysid.nx%3Ay:k cf:$sysid.nx:y:k",
		'each has a key of its own');
	on($node, qq{DROP DATABASE "$_" WITH (FORCE)}) foreach sort keys %reads;
}

# ---- keys that are not ours ----

await_up($node);
foreach my $words ([ 'SET', 'x' ], [ 'RPUSH', 'x', 'y' ])
{
	my ($name, @arguments) = @$words;

	command($redis, 'DEL', "cf:$ns:i:5");
	command($redis, $name, "cf:$ns:i:5", @arguments);
	right("no hash, but by $name");
	on($node, 'UPDATE item SET v = v + 1 WHERE id = 5');
	right("and after a commit");
}
await_that('for a hash', sub { right('later'); command($redis, 'TYPE', "cf:$ns:i:5") eq 'hash' });

# ---- a fetch inside of another ----

on($node, q{CREATE TABLE part (v int); INSERT INTO part VALUES (1); SELECT cache_attach('part', rows => '{}')});
my $inner = "SELECT cache_fetch('in', 'SELECT v FROM part')";
my $outer = q{SELECT cache_fetch('out', $$SELECT cache_fetch('in', 'SELECT v FROM part') AS v$$)};
on($node, $inner) foreach 1, 2;
my $before = counters($node);
is(on($node, $outer), '[{"v":[{"v":1}]}]', 'the inner fetch is answered');
is(since($node, $before, 'l2_hits')->{l2_hits}, 1, 'by Redis');
$before = counters($node);
is(on($node, $outer), '[{"v":[{"v":1}]}]', 'and the outer one');
is(since($node, $before, 'loads')->{loads}, 0, 'by Redis as well');
on($node, 'UPDATE part SET v = 2');
is(on($node, $outer), '[{"v":[{"v":2}]}]', 'what invalidates the inner one invalidates both');

foreach (1, 2)
{
	($rc, $stdout, $stderr) = $node->psql('postgres', "SELECT cache_invalidate_tag(chr($_))");
	like($stderr, qr/must not be a single control character/, "chr($_) is refused");
}

is(expiring($redis), '', 'every key in Redis has a time to live');
$node->stop;
done_testing();
