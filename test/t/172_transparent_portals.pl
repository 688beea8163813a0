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

# Plans are to be the same: an error comes before or after rows by the order in which they are read.
my $node = CfTest->node('main', 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0, 'autovacuum' => 'off');

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

# ---- by chance -------------------------------------------------------------------

# Whatever a client sends, in whatever order: portals, writes, transactions of each level,
# savepoints, errors, and writes of another session. CF_SEED repeats one, CF_SCRIPTS is how many.
my @reads = ($all, $count, 'SELECT id, v FROM item WHERE id = 3', 'SELECT v FROM item WHERE id > 15 ORDER BY id',
	'SELECT a.id, b.v FROM item a JOIN item b ON b.id = a.id + 1 WHERE a.id < 6 ORDER BY a.id',
	'SELECT n, count(*) FROM item GROUP BY n HAVING n > 4 ORDER BY n', 'SELECT 6 / (id - 4) FROM item WHERE id < 6 ORDER BY id');
my $fresh = 1000;

sub chance { return int rand $_[0] }
sub one_of { return $_[chance(scalar @_)] }

# One batch of messages; "other" instead: a statement of the other session.
sub batch
{
	my $portal = one_of('p', 'q', 'r', '');
	my $what = chance(20);

	return [ q_(one_of(@reads)) ] if $what < 3;
	return [ CfMessages::close_portal($portal), bind_($portal, chance(scalar @reads), [], chance(2)),
		$what < 6 ? run($portal, one_of(0, 0, 1, 3, 100)) : (), $sync ] if $what < 8;
	# Not the one without a name: PostgreSQL may crash on what a failed query has left of that.
	$portal = 'p' if $portal eq '';
	return [ run($portal, one_of(0, 1, 3, 100)), chance(2) ? CfMessages::describe_portal($portal) : (), $sync ] if $what < 11;
	return [ bind_('', 'w', [ chance(20) ]), bind_('x', chance(scalar @reads)), run(''), run('x', one_of(0, 2)),
		CfMessages::close_portal('x'), $sync ] if $what < 12;
	return [ q_(one_of("UPDATE item SET v = v || '+' WHERE id = " . chance(20), 'DELETE FROM item WHERE id = ' . chance(20),
		'INSERT INTO item VALUES (' . ++$fresh . ", 5, 'new')", 'UPDATE item SET n = n WHERE id < 0')) ] if $what < 14;
	return [ q_(one_of('BEGIN', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'BEGIN ISOLATION LEVEL SERIALIZABLE')) ]
	  if $what < 16;
	return [ q_(one_of('COMMIT', 'ROLLBACK', 'SAVEPOINT a', 'SAVEPOINT a', 'ROLLBACK TO a', 'RELEASE a', 'SELECT 1 / 0')) ]
	  if $what < 19;
	return 'INSERT INTO item VALUES (' . ++$fresh . ", 6, 'of another')";
}

# Runs such a script; returns what the server answers.
sub answers
{
	my ($transparent, @script) = @_;
	my @clients = map { CfMessages->connect($node, 'postgres', options => "-c cachefront.transparent=$transparent") } 1 .. 2;
	my @answers;

	$clients[1]->send(q_("TRUNCATE item; INSERT INTO item SELECT g, g / 4.0, 'item ' || g FROM generate_series(1, 20) g"));
	$clients[0]->send((map { parse($_, $reads[$_]) } 0 .. $#reads), parse('w', "UPDATE item SET v = 'bound' WHERE id = \$1", 23), $sync);
	# Whoever writes meets answers that are there.
	$clients[1]->send(q_($_)) foreach @reads, @reads;
	foreach my $batch (@script)
	{
		note("$transparent: " . join(' ', map { s/([^ -~]+)/./gr } ref $batch ? @$batch : $batch)) if $ENV{CF_VERBOSE};
		push @answers, ref $batch ? $clients[0]->send(@$batch) : $clients[1]->send(q_($batch));
	}
	$_->close foreach @clients;
	# Its transaction is over only when it has gone.
	await($node, q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())});
	return \@answers;
}

my $seed = $ENV{CF_SEED} // 1;
my $different = 0;

$hits = CfTest::stat($node, 'l1_hits');
foreach my $script ($seed .. $seed + ($ENV{CF_SCRIPTS} // 40) - 1)
{
	srand $script;
	my @script = map { batch() } 1 .. 40;
	my ($without, $with) = map { answers($_, @script) } 'off', 'auto';

	foreach my $i (0 .. $#script)
	{
		next if $without->[$i] eq $with->[$i];
		my ($sent) = ref $script[$i] ? join(' ', map { s/([^ -~]+)/./gr } @{ $script[$i] }) : $script[$i];

		diag("CF_SEED=$script, batch $i, $sent\nwithout:\n$without->[$i]\nwith:\n$with->[$i]");
		$different++;
		last;
	}
}
is($different, 0, 'by chance: the same');
cmp_ok(CfTest::stat($node, 'l1_hits') - $hits, '>', 100, 'by chance: of hits');
note('hits: ' . (CfTest::stat($node, 'l1_hits') - $hits));

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
