# What a commit writes into the WAL, and of which incarnation a server is.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on',
	'cachefront.wal_messages' => 'on', 'wal_level' => 'replica', 'max_wal_senders' => 5,
	'max_prepared_transactions' => 5, 'autovacuum' => 'off');
my $line_file = $node->data_dir . '/cachefront.line';

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_walinspect;
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE other (id int PRIMARY KEY, v int);
	CREATE TABLE tree (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
	CREATE TABLE leaf PARTITION OF tree FOR VALUES FROM (0) TO (100);
	CREATE UNLOGGED TABLE unlogged (v int);
	INSERT INTO item VALUES (1, 1), (2, 2);
	INSERT INTO other VALUES (1, 1);
	INSERT INTO tree VALUES (1, 1);
	CREATE TABLE ruled (id int PRIMARY KEY, v int);
	INSERT INTO ruled VALUES (1, 1);
	SELECT cache_attach('ruled', 'ruled:{id}')});

sub position
{
	return $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
}

# Messages of ours from a position on: 't' or 'f' for transactional, and how many
# things each names.
sub messages_since
{
	my ($from) = @_;

	# A read has written nothing, and a position that is not flushed cannot be read from.
	$node->safe_psql('postgres', 'SELECT txid_current()');
	my @found = map {
		my ($transactional, $bytes) =
		  /(non-transactional|transactional), prefix "cachefront"; payload \((\d+) bytes/;
		($transactional =~ /^non/ ? 'n' : 't') . ($bytes - 2) / 8
	} split /\n/, $node->safe_psql('postgres', qq{
		SELECT description FROM pg_get_wal_records_info('$from', pg_current_wal_flush_lsn())
		WHERE resource_manager = 'LogicalMessage' AND description LIKE '%"cachefront"%'
		ORDER BY start_lsn});
	pop @found if @found && $found[-1] eq 't0';
	return join ' ', @found;
}

sub messages
{
	my ($sql) = @_;
	my $from = position();

	$node->safe_psql('postgres', $sql);
	return messages_since($from);
}

my @cases = (
	[ 'UPDATE item SET v = v + 1', 't1', 'a table' ],
	[ 'BEGIN; UPDATE item SET v = 3; UPDATE other SET v = 3; UPDATE item SET v = 4; COMMIT',
		't2', 'two tables, each once' ],
	[ 'UPDATE tree SET v = 3', 't2', 'a partition and its parent' ],
	[ 'SELECT * FROM item', '', 'a read' ],
	[ 'SELECT txid_current()', 't0', 'an id and nothing else' ],
	[ 'SELECT * FROM item FOR UPDATE', 't0', 'row locks' ],
	[ 'UPDATE item SET v = 5 WHERE id = 77', '', 'an UPDATE of no row' ],
	[ 'BEGIN; UPDATE item SET v = 6; ROLLBACK', '', 'rolled back' ],
	[ 'BEGIN; UPDATE other SET v = 9; SAVEPOINT s; UPDATE item SET v = 7; ROLLBACK TO s; COMMIT',
		't1', 'rolled back to a savepoint' ],
	[ 'BEGIN; SAVEPOINT s; UPDATE item SET v = 8; RELEASE s; COMMIT', 't1', 'a savepoint' ],
	[ 'TRUNCATE other', 't2', 'TRUNCATE, which gives the table a new file' ],
	[ q{SELECT cache_invalidate('k')}, 'n1', 'a key by hand' ],
	[ q{SELECT cache_invalidate_tag('a'), cache_invalidate_tag('b')}, 'n2', 'tags by hand' ],
	[ q{SELECT cache_set('k', '1')}, '', 'a value, without a Redis' ],
	[ 'CREATE TABLE fresh (v int)', 't1', 'DDL' ],
	[ 'CREATE TEMP TABLE mine (v int); INSERT INTO mine VALUES (1)', undef, 'a temporary table' ],
	[ 'INSERT INTO unlogged VALUES (1)', 't1', 'an unlogged table' ],
	[ q{BEGIN; UPDATE item SET v = 10; PREPARE TRANSACTION 'p'}, 't1', 'PREPARE' ],
	[ q{COMMIT PREPARED 'p'}, undef, 'COMMIT PREPARED' ]);

foreach my $case (@cases)
{
	my ($sql, $wanted, $name) = @$case;
	my $got = messages($sql);

	if (defined $wanted)
	{
		is($got, $wanted, $name);
	}
	else
	{
		unlike($got, qr/t[1-9]/, "$name: names nothing");
	}
}

like(messages('UPDATE ruled SET v = v + 1'), qr/^t[23]$/, 'a table with a rule: it, key and tag');
is(messages(q{SELECT count(cache_invalidate('k' || i)) FROM generate_series(1, 10001) i}), 'n2',
	'too many: the epochs');

# What it costs: the least of some rounds, for others write there, too.
sub bytes
{
	my ($sql, $n) = @_;
	my $least;

	foreach my $round (1 .. 5)
	{
		my $from = position();

		$node->safe_psql('postgres', $sql) foreach 1 .. $n;
		my $bytes = $node->safe_psql('postgres', "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$from')") / $n;
		$least = $bytes if !defined $least || $bytes < $least;
	}
	return $least;
}

$node->safe_psql('postgres', 'CHECKPOINT; UPDATE item SET v = 1; UPDATE ruled SET v = 1');
my $with = bytes('UPDATE ruled SET v = v + 1', 10);
reconfigure($node, 'cachefront.wal_messages' => 'off');
is(messages('UPDATE item SET v = v + 1'), '', 'switched off: nothing');
my $without = bytes('UPDATE ruled SET v = v + 1', 10);
cmp_ok($with - $without, '<=', 120, sprintf 'a row rule: %.0f bytes a commit more', $with - $without);
cmp_ok($with - $without, '>', 20, 'which are there');
reconfigure($node, 'cachefront.wal_messages' => 'on');

# ---- incarnations ----------------------------------------------------------------

sub line
{
	my ($of) = @_;
	my $file = ($of // $node)->data_dir . '/cachefront.line';

	# A server that has only just started has none.
	return -e $file ? [ slurp_file($file) =~ /^incarnation (\S+)/mg ] : [];
}

await_that('the file is there', sub { -e $line_file });
my $first = line();
is(scalar @$first, 1, 'one incarnation');

$node->restart;
await_that('a restart begins another', sub { @{ line() } == 2 });
is(line()->[0], $first->[0], 'which follows the first');

$node->stop('immediate');
$node->start;
await_that('so does a crash', sub { @{ line() } == 3 });

my $backup = 'base';
$node->backup($backup);
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, $backup);
$copy->start;
await_that('a copy goes on from where it left', sub { -e $copy->data_dir . '/cachefront.line' && @{ line($copy) } == 4 });
is_deeply([ @{ line($copy) }[ 0 .. 2 ] ], line(), 'with the same ancestors');
$node->safe_psql('postgres', 'UPDATE item SET v = 3');
$node->restart;
await_that('and so does the original', sub { @{ line() } == 4 });
isnt(line()->[3], line($copy)->[3], 'each has its own');

$node->stop;
append_to_file($line_file, "nonsense\n");
$node->start;
await_that('of a damaged file nothing is believed', sub { @{ line() } == 1 });
ok($node->log_contains(qr/file "cachefront.line" is damaged/), 'as the log says');

# What stands in the way of the file lets no incarnation begin.
sub hinder
{
	mkdir $node->data_dir . '/cachefront.line.tmp' or die "mkdir: $!";
}

sub let_go
{
	rmdir $node->data_dir . '/cachefront.line.tmp' or die "rmdir: $!";
}

$node->restart;
await_that('a second one', sub { -e $line_file && @{ line() } == 2 });

# The last one has ended, and nobody knows where: it was not written down.
$node->stop('immediate');
hinder();
$node->start;
await_that('the file cannot be written', sub { $node->log_contains(qr/could not write file "cachefront.line.tmp"/) });
ok(!-e $line_file, 'a server that has not begun has no file');
$node->safe_psql('postgres', 'UPDATE item SET v = 4');
$node->stop('immediate');
let_go();
$node->start;
await_that('after two crashes in a row', sub { -e $line_file });
is(scalar @{ line() }, 1, 'nothing of before counts');

# Where recovery ended is known until the next checkpoint.
foreach my $case ([ 'SELECT 1', 2 ], [ 'CHECKPOINT', 1 ])
{
	my ($sql, $wanted) = @$case;

	$node->stop('immediate');
	hinder();
	$node->start;
	$node->safe_psql('postgres', $sql);
	let_go();
	await_that('it is written later', sub { -e $line_file });
	is(scalar @{ line() }, $wanted, "begins after $sql");
}
$node->restart;
await_that('the next one', sub { -e $line_file && @{ line() } == 2 });

# A standby that is started as if it had never been one has read only so far.
$node->stop('immediate');
my $text = slurp_file($line_file);
$text =~ s/^writing to \w+/following to 0000000000000001/m or die;
unlink $line_file;
append_to_file($line_file, $text);
$node->start;
await_that('the list of a standby that read too little',
	sub { slurp_file($line_file) =~ /^writing/m });
is(scalar @{ line() }, 1, 'is not believed');

# All that a server has begun stands in the WAL, with its ancestors.
is(scalar(grep { /^n/ } split / /, messages_since(
	$node->safe_psql('postgres', 'SELECT redo_lsn FROM pg_control_checkpoint()'))), 1,
	'a START is in the WAL');

$_->stop foreach $node, $copy;
done_testing();
