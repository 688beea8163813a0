# Portals of the protocol over plain SELECTs from the cache: bound long before they are
# executed, executed in parts, left, closed, beside writes of the same transaction and
# over savepoints. The server answers each message as without.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;
use CfMessages;

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, n numeric, v text);
	INSERT INTO item SELECT g, g / 4.0, 'item ' || g FROM generate_series(1, 20) g;
	ANALYZE item});

my $all = 'SELECT id, n, v FROM item ORDER BY id';
my $one = 'SELECT id, v FROM item WHERE id = $1';
my $count = 'SELECT count(*), sum(n) FROM item';

sub parse { return CfMessages::parse(@_) }
sub bind_ { return CfMessages::bind(@_) }
sub run { return CfMessages::execute(@_) }
sub q_ { return CfMessages::query(@_) }
my $sync = CfMessages::sync();

# Name => lists of messages; after each list the server has to be ready.
my %cases = (
	'bound before a write, executed after it' => [
		map({ [ q_($count) ] } 1 .. 3),
		[ parse('s', $count), parse('w', "INSERT INTO item VALUES (100, 1, 'new')"), $sync ],
		[ bind_('p', 's'), bind_('q', 'w'), run('q'), run('p'), bind_('r', 's'), run('r'), $sync ],
		[ q_('DELETE FROM item WHERE id = 100') ] ],
	'executed in parts beside writes' => [
		map({ [ q_($all) ] } 1 .. 3),
		[ parse('s', $all), q_('BEGIN'), ], [ bind_('p', 's'), run('p', 3), $sync ],
		[ q_("UPDATE item SET v = 'mine' WHERE id = 5") ], [ run('p', 3), $sync ],
		[ q_('DELETE FROM item WHERE id = 9') ], [ bind_('q', 's'), run('q', 10), run('p'), $sync ],
		[ run('p'), run('p', 1), run('q', 0), $sync ], [ q_('ROLLBACK') ] ],
	'an answer that is there, executed in parts' => [
		[ q_($all) ], [ parse('s', $all), q_('BEGIN') ], [ bind_('p', 's'), run('p', 20), $sync ],
		[ run('p', 1), $sync ], [ bind_('q', 's'), run('q', 21), run('q', 1), $sync ], [ q_('COMMIT') ] ],
	'described, text and binary' => [
		[ parse('s', $all), CfMessages::describe_statement('s'), bind_('p', 's', [], 1), CfMessages::describe_portal('p'), run('p'), $sync ],
		[ bind_('p', 's', [], 1, 0, 1), CfMessages::describe_portal('p'), run('p'), $sync ],
		[ bind_('', 's'), CfMessages::describe_portal(''), run(''), $sync ],
		# A portal may be described when nothing is left of it.
		[ bind_('p', 's'), run('p'), CfMessages::describe_portal('p'), run('p'), $sync ] ],
	'with parameters' => [
		[ parse('s', $one, 23), CfMessages::describe_statement('s'), $sync ],
		map { [ bind_('', 's', [$_]), run(''), $sync ] } 1, 1, 2, undef, 1, 999, 1, 2, 3, 'x' ],
	'two portals of one statement take turns' => [
		map({ [ q_($all) ] } 1 .. 3),
		[ parse('s', $all), q_('BEGIN') ],
		[ bind_('p', 's'), bind_('q', 's'), run('p', 2), run('q', 3), run('p', 2), run('q'), run('p'), $sync ], [ q_('COMMIT') ] ],
	'bound and never executed' => [
		[ parse('s', 'SELECT 1 / (id - 2) FROM item WHERE id < 3 ORDER BY id'), bind_('p', 's'), $sync ],
		[ bind_('p', 's'), run('p', 1), $sync ], [ bind_('p', 's'), run('p', 2), $sync ],
		[ bind_('p', 's'), run('p', 1), CfMessages::close_portal('p'), run('p'), $sync ] ],
	'closed half-way' => [
		[ parse('s', $all), bind_('p', 's'), run('p', 4), CfMessages::close_portal('p'), bind_('p', 's'), run('p', 4), $sync ],
		[ bind_('p', 's'), run('p'), $sync ] ],
	'over a savepoint that fails' => [
		[ parse('s', $all), q_('BEGIN') ], [ bind_('p', 's'), run('p', 2), $sync ], [ q_('SAVEPOINT a') ],
		[ bind_('q', 's'), run('q', 2), $sync ], [ q_('SELECT 1 / 0') ], [ q_('ROLLBACK TO a') ], [ run('p', 2), $sync ],
		[ run('q', 2), $sync ], [ q_('ROLLBACK TO a') ], [ run('p'), $sync ], [ bind_('q', 's'), run('q'), $sync ], [ q_('COMMIT') ] ],
	'over a savepoint with a write' => [
		[ parse('s', $count), q_('BEGIN; SAVEPOINT a; DELETE FROM item WHERE id < 5') ], [ bind_('p', 's'), $sync ],
		[ bind_('q', 's'), run('q'), $sync ], [ q_('ROLLBACK TO a') ], [ bind_('r', 's'), run('r'), $sync ],
		[ q_('ROLLBACK') ], [ bind_('r', 's'), run('r'), $sync ] ],
	'no columns, no rows' => [
		[ parse('s', 'SELECT FROM item WHERE id < 4'), CfMessages::describe_statement('s'), bind_('p', 's'), run('p', 2), run('p'), $sync ],
		[ parse('t', 'SELECT v FROM item WHERE id < 0'), bind_('p', 't'), CfMessages::describe_portal('p'), run('p', 1), run('p'), $sync ] ],
	'several statements in one string' => [
		[ q_("$count; INSERT INTO item VALUES (100, 1, 'new'); $count; DELETE FROM item WHERE id = 100; $count") ],
		[ q_("$count; $count; SELECT 1 / 0; $count") ] ],
	'repeatable read' => [
		[ parse('s', $count), q_('BEGIN ISOLATION LEVEL REPEATABLE READ') ], [ bind_('', 's'), run(''), $sync ],
		[ bind_('p', 's'), run('p'), bind_('q', 's'), run('q', 1), $sync ], [ q_('COMMIT') ] ],
	'DDL between two executions' => [
		[ parse('s', 'SELECT * FROM item WHERE id = 3'), bind_('', 's'), run(''), $sync ],
		[ q_('ALTER TABLE item RENAME v TO w') ], [ bind_('', 's'), run(''), $sync ], [ q_('SELECT * FROM item WHERE id = 3') ],
		[ q_('ALTER TABLE item RENAME w TO v') ] ],
	'DDL while a portal is open' => [
		map({ [ q_($all) ] } 1 .. 3), [ q_('BEGIN') ], [ parse('s', $all), bind_('p', 's'), run('p', 3), $sync ], [ q_('SAVEPOINT a; TRUNCATE item') ],
		[ q_('ROLLBACK TO a') ], [ run('p', 3), $sync ], [ q_('ROLLBACK') ] ]);

# What the server answers to a case, in a session of its own.
sub transcript
{
	my ($case, $transparent) = @_;
	my $client = CfMessages->connect($node, 'postgres', options => "-c cachefront.transparent=$transparent");
	my @answers = map { $client->send(@$_) } @{ $cases{$case} };

	$client->close;
	return join("\n--\n", @answers);
}

my $hits = CfTest::stat($node, 'l1_hits');

foreach my $case (sort keys %cases)
{
	my $without = transcript($case, 'off');

	is(CfTest::stat($node, 'l1_hits'), $hits, "$case: no hits while it is off");
	$node->safe_psql('postgres', 'SELECT cache_flush()');
	# Misses, then hits, then what is known by its text.
	foreach my $round (1 .. 4)
	{
		is(transcript($case, 'auto'), $without, "$case: the same, round $round");
	}
	my $now = CfTest::stat($node, 'l1_hits');

	cmp_ok($now, '>', $hits, "$case: of hits") if $case !~ /never|^DDL between/;
	$hits = $now;
}

# Of a portal that the protocol has named nobody knows at first that it is a cursor to some.
my $client = CfMessages->connect($node, 'postgres', options => '-c cachefront.transparent=auto');

foreach my $round (1 .. 3)
{
	$client->send(CfMessages::query('BEGIN'));
	$client->send(parse('', 'SELECT id, v FROM item WHERE id = 7'), bind_('cursor', ''), run('cursor', 1), $sync);
	is($client->send(CfMessages::query("UPDATE item SET v = 'current' WHERE CURRENT OF cursor")),
		qq{E 24000 cursor "cursor" is not a simply updatable scan of table "item"\nZ E},
		"WHERE CURRENT OF a portal of the protocol: an error, round $round");
	$client->send(CfMessages::query('ROLLBACK'));
}
$client->send(CfMessages::query('BEGIN; DECLARE c CURSOR FOR SELECT id, v FROM item WHERE id = 7; FETCH c'));
like($client->send(CfMessages::query("UPDATE item SET v = 'current' WHERE CURRENT OF c")), qr/^C UPDATE 1/,
	'WHERE CURRENT OF a cursor: as without');
$client->send(CfMessages::query('ROLLBACK'));
$client->close;

$node->stop;
done_testing();
