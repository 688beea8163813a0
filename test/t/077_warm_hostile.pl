# Whatever is in the place of the file that has what was in memory: the server starts, says so,
# and serves nothing of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT put_file);

require_debug();

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on', 'cachefront.l1_save' => 'on', 'cachefront.l1_size' => '1MB',
	'autovacuum' => 'off', 'fsync' => 'off', 'max_connections' => 10);
my $file = $node->data_dir . '/cachefront.memory';
my $read = q{
	SELECT cache_fetch('json', 'SELECT 1 AS v');
	SELECT cache_fetch_row('row', 'SELECT v FROM item');
	SELECT * FROM cache_fetch_rows('rows', 'SELECT v, ''x'' FROM item') AS t(v int, t text);
	SELECT cache_fetch('long', 'SELECT repeat(''x'', 1200) AS v');
	SELECT cache_get('kv:1')};

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (v int);
	INSERT INTO item VALUES (1), (2);
	SELECT cache_define('kv', scope => 'shared');
	SELECT cache_set('kv:1', '[1]'::json)});
$node->safe_psql('postgres', $read);
my $expected = $node->safe_psql('postgres', $read);

my $said = 0;

sub is_refused
{
	my ($what) = @_;
	my $from = -s $node->logfile;

	$node->start;
	my $log = substr(slurp_file($node->logfile), $from);
	my $lines = () = $log =~ /cachefront.memory/g;
	my $entries = $node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status');

	if (-e $file || $lines != 1 || $entries != 0)
	{
		fail("$what: $lines lines in the log, $entries entries");
		diag($log);
	}
	$node->safe_psql('postgres', q{SELECT cache_set('kv:1', '[1]'::json)});
	my $got = $node->safe_psql('postgres', $read);
	is($got, $expected, $what) if $got ne $expected;
	$said++;
	return;
}

$node->stop;
my $size = -s $file;
note("$size bytes");
$node->start;
is($node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status'), 5, 'the file as it is, is good');
is($node->safe_psql('postgres', $read), $expected, 'and gives the same');

# Each part of the file is met: the heads in every few bytes, what is sealed in some.
my @places = ((map { 5 * $_ + int(rand(5)) } 0 .. 27), map { $_ * 97 + 140 } 0 .. ($size - 141) / 97);
foreach my $place (@places, $size - 1)
{
	$node->stop;
	my $bytes = slurp_file($file);
	substr($bytes, $place, 1) = chr(ord(substr($bytes, $place, 1)) ^ (1 << int(rand(8))));
	put_file($file, $bytes);
	is_refused("a byte at $place");
}
is($said, @places + 1, 'a flipped bit anywhere is found');

$said = 0;
my @lengths = (0, 1, 127, 128, 129, 139, 140, 141, 167, 168, 200, $size / 2, $size - 29, $size - 1);
foreach my $length (@lengths)
{
	$node->stop;
	put_file($file, substr(slurp_file($file), 0, $length));
	is_refused("the first $length bytes");
}
is($said, @lengths, 'less than all of it is nothing');
foreach my $more ("\0", 'x' x 5000)
{
	$node->stop;
	put_file($file, slurp_file($file) . $more);
	is_refused('something after it');
}
$node->stop;
{
	my $bytes = slurp_file($file);

	# The length of the second block: what it says is no reason to ask for so much memory.
	substr($bytes, 128 + 4, 4) = pack('V', 0x3fffff00);
	put_file($file, $bytes);
	is_refused('a block that is larger than the file');
}

# What a key vouches for and is wrong all the same.
my ($refused, $taken) = (0, 0);
foreach my $round (1 .. 40)
{
	$node->safe_psql('postgres', q{SELECT cf_debug_fault('bad-block')});
	$node->stop;
	my $from = -s $node->logfile;
	$node->start;
	my $bad = substr(slurp_file($node->logfile), $from) =~ /it is damaged/;

	$bad ? $refused++ : $taken++;
	# Whatever it gives. What is wrong in it, a signed file may say.
	foreach my $one (split /;/, $read)
	{
		$node->psql('postgres', $one);
	}
	$node->safe_psql('postgres', 'SELECT count(*) FROM cache_entries');
	$node->safe_psql('postgres', 'SELECT cache_flush()');
	$node->safe_psql('postgres', q{SELECT cache_set('kv:1', '[1]'::json)});
	my $got = $node->safe_psql('postgres', $read);
	is($got, $expected, 'after a bad block: all is well once it is dropped') if $got ne $expected;
}
ok($refused > 0 && $taken > 0, "bad blocks are survived ($refused were refused, $taken were not)");

# No plain file.
sub is_left
{
	my ($what, $make, $unmake) = @_;

	$node->stop;
	unlink $file;
	$make->();
	$node->start;
	is($node->safe_psql('postgres', 'SELECT l1_entries FROM cache_status'), 0, "$what: memory is empty");
	$node->safe_psql('postgres', $read);
	$node->stop;
	$unmake->();
	$node->start;
	return;
}

is_left('a folder', sub { mkdir $file or die }, sub { rmdir $file; unlink $file });
is_left('a pipe', sub { POSIX::mkfifo($file, 0600) or die }, sub { unlink $file });
is_left('a link', sub { symlink '/dev/zero', $file or die }, sub { unlink $file });

$node->stop;
ok(!$node->log_contains(qr/PANIC|terminated by signal|TRAP/), 'no process died of it');
done_testing();
