# What lies in Redis: compressed and encrypted as asked for, and believed only
# if it is whole, of this key and identity, of no unknown version, and signed by a
# server of this cluster. Whatever else is there is a miss, and never an error.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use CfRedis;
use CfTest;
use CfTier;

my $redis = CfRedis->new('main');
my $node = CfTier->node('main', $redis);
my $ns = namespace($node);
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/keys';
my $session;

# Values that are too large for L1, so that each read goes to Redis.
$node->safe_psql('postgres', q{
	CREATE TABLE wide (id int PRIMARY KEY, v text);
	INSERT INTO wide SELECT i, 'secret' || repeat(chr(96 + i % 26), 3000) FROM generate_series(1, 50) i;
	CREATE FUNCTION read(id int) RETURNS text LANGUAGE sql AS $$
		SELECT cache_fetch_row('wide:' || id, 'SELECT v FROM wide WHERE id = $1', ROW(id))->>'v' $$;
	CREATE FUNCTION read_rows(id int) RETURNS text LANGUAGE sql AS $$
		SELECT v FROM cache_fetch_rows('wide:' || id, 'SELECT v FROM wide WHERE id = $1', ROW(id)) AS t(v text) $$;
	-- Reads; true if it is what is in the table, and what it took.
	CREATE FUNCTION check_read(reader text, id int) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		b record;
		a record;
		value text;
	BEGIN
		SELECT * INTO b FROM cache_stats WHERE cache = '*';
		EXECUTE format('SELECT %s(%s)', reader, id) INTO value;
		SELECT * INTO a FROM cache_stats WHERE cache = '*';
		RETURN CASE WHEN value = (SELECT w.v FROM wide w WHERE w.id = check_read.id) THEN 'right' ELSE 'wrong' END
			|| format(' loads %s hits %s bad %s fills %s', a.loads - b.loads, a.l2_hits - b.l2_hits,
				a.l2_bad_values - b.l2_bad_values, a.l2_fills - b.l2_fills);
	END $$;
	SELECT cache_define('shared', scope => 'shared');
	SELECT cache_attach('wide', rows => '{}');
});

my $hit = 'right loads 0 hits 1 bad 0 fills 0';
my $miss = 'right loads 1 hits 0 bad 0 fills 1';
my $bad = 'right loads 1 hits 0 bad 1 fills 1';
my $closed = 'right loads 1 hits 0 bad 0 fills 0';

sub connect_session
{
	$session->quit if $session;
	$session = open_session($node, 'postgres');
	$session->query_safe("SET cachefront.l1_max_value = '1kB'; SET cachefront.compress = 'off'");
	return;
}

sub check_read
{
	my ($id, $reader) = @_;

	$reader //= 'read';
	return $session->query_safe("SELECT check_read('$reader', $id)");
}

# The stored bytes of a key with one variant.
sub stored
{
	my ($id, $kind) = @_;

	return command($redis, 'HGET', "cf:$ns:wide:$id", field($redis, "cf:$ns:wide:$id", $kind));
}

sub store
{
	my ($id, $kind, $bytes) = @_;

	command($redis, 'HSET', "cf:$ns:wide:$id", field($redis, "cf:$ns:wide:$id", $kind), $bytes);
	return;
}

connect_session();
is(check_read(1), $miss, 'a first read fills');
is(check_read(1), $hit, 'a second one hits');

# ---- compression ----

my %len;
my $id = 10;
foreach my $method ('off', 'lz4', 'zstd')
{
	$session->query_safe("SET cachefront.compress = '$method'");
	is(check_read($id), $miss, "$method: filled");
	is(check_read($id), $hit, "$method: read");
	$len{$method} = length stored($id++, 'v');
}
cmp_ok($len{off}, '>', 3000, 'not compressed');
SKIP:
{
	skip 'built without lz4', 1 if $len{lz4} == $len{off};
	cmp_ok($len{lz4}, '<', 300, 'lz4 makes it smaller');
}
SKIP:
{
	skip 'built without zstd', 1 if $len{zstd} == $len{off};
	cmp_ok($len{zstd}, '<', 300, 'zstd makes it smaller');
}
is(check_read($_), $hit, 'what is written is read under any setting') for 10 .. 12;
$session->query_safe("SET cachefront.compress_min = '4kB'");
is(check_read(13), $miss, 'compress_min');
is(length stored(13, 'v'), $len{off}, 'leaves the smaller as they are');
$session->query_safe("SET cachefront.compress = 'off'");

# ---- damage ----

# How many of the damaged copies were misses, counted or not; the others are told.
sub damage
{
	my ($title, $kind, @copies) = @_;
	my $n = 0;

	foreach my $copy (@copies)
	{
		store(1, $kind, $copy);
		my $outcome = check_read(1);

		if ($outcome eq $bad || $outcome eq $miss)
		{
			$n++;
		}
		else
		{
			diag("$title: $outcome: " . unpack('H*', substr($copy, 0, 400)));
		}
	}
	is($n, scalar @copies, "$title: a miss, $n times");
	return;
}

# The meta changes with every fill, so one is kept; a bit of each of its bytes.
sub flipped
{
	my ($bytes, @at) = @_;

	return map { my $copy = $bytes; substr($copy, $_, 1) ^= chr(1 << $_ % 8); $copy } @at;
}

my ($v, $m) = (stored(1, 'v'), stored(1, 'm'));
my $bad_before = stat($node, 'l2_bad_values');
damage('a flipped bit of the meta', 'm', flipped($m, 0 .. length($m) - 1));
damage('a cut meta', 'm', map { substr($m, 0, $_) } (0 .. 8, map { $_ * 10 } 1 .. (length($m) - 1) / 10));
damage('a long meta', 'm', $m . "\0", $m . $m, $m . 'x' x 1000000);
damage('garbage as meta', 'm', "\0" x 200, "\xff" x 200, 'cfe' . "\x02" . "\xff" x 200,
	map { 'cfe' . $_ . substr($m, 4) } "\x01", "\x03");
damage('a flipped bit of the value', 'v', flipped($v, map { $_ * 37 } 0 .. (length($v) - 1) / 37));
damage('a cut value', 'v', '', '[', '[]', map { substr($v, 0, $_ * 100) } 1 .. length($v) / 100);
damage('a long value', 'v', $v . ']', $v . $v, '[' x 1000000);
cmp_ok(stat($node, 'l2_bad_values') - $bad_before, '>', 200, 'most of them counted');
SKIP:
{
	skip 'built without zstd', 1 if $len{zstd} == $len{off};
	# A bomb: says of itself that it is small.
	store(12, 'v', stored(12, 'v') . "\0" x 100);
	is(check_read(12), $bad, 'a compressed value with something behind it');
}

# ---- in the wrong place ----

is(check_read(2), $miss, 'another key');
store(2, 'v', stored(1, 'v'));
is(check_read(2), $bad, 'the value of another query');
store(2, 'm', stored(1, 'm'));
is(check_read(2), $miss, 'its meta: of another identity');
store(2, $_, stored(1, $_)) foreach 'v', 'm';
is(check_read(2), $miss, 'both');
is(check_read(2), $hit, 'and repaired');

# One query under two keys: the same identity.
my $twin = q{SELECT cache_fetch('twin:%s', 'SELECT v, clock_timestamp() AS t FROM wide WHERE id = 1')};
my ($first, $second) = map { $session->query_safe(sprintf($twin, $_)) } 1, 2;
isnt($first, $second, 'two keys');
command($redis, 'HSET', "cf:$ns:twin:2", $_, command($redis, 'HGET', "cf:$ns:twin:1", $_))
  foreach grep { /^[vm]:/ } fields($redis, "cf:$ns:twin:1");
$bad_before = stat($node, 'l2_bad_values');
isnt($session->query_safe(sprintf($twin, 2)), $first, 'what is of the other key is not taken');
is(stat($node, 'l2_bad_values') - $bad_before, 1, 'and counted');

my %variant = map { /^([vm]):(.*)/ ? ("$1 one" => $_) : () } fields($redis, "cf:$ns:wide:2");
is(check_read(2, 'read_rows'), $miss, 'typed rows of the same key');
foreach my $name (fields($redis, "cf:$ns:wide:2"))
{
	$variant{"$1 two"} = $name if $name =~ /^([vm]):/ && $name ne $variant{"$1 one"};
}
my %bytes = map { $_ => command($redis, 'HGET', "cf:$ns:wide:2", $variant{$_}) } keys %variant;
command($redis, 'HSET', "cf:$ns:wide:2", $variant{"$_ one"}, $bytes{"$_ two"}) foreach 'v', 'm';
like(check_read(2), qr/^right loads 1 hits 0 bad [01] fills 1$/, 'rows in the place of JSON');
command($redis, 'HSET', "cf:$ns:wide:2", $variant{"$_ two"}, $bytes{"$_ one"}) foreach 'v', 'm';
like(check_read(2, 'read_rows'), qr/^right loads 1 hits 0 bad [01] fills 1$/, 'JSON in the place of rows');

# ---- what somebody writes who knows the format, but not the secret ----

# The meta of a value that is there, with another value that is as long; or with
# another signature.
is(check_read(1), $miss, 'a value') if check_read(1) ne $hit;
($v, $m) = (stored(1, 'v'), stored(1, 'm'));
store(1, 'v', $v =~ tr/a/\0/r);
is(check_read(1), $bad, 'NUL in JSON');
store(1, 'v', $v =~ tr/a/\xff/r);
is(check_read(1), $bad, 'no UTF-8');
store(1, 'v', '[' . '{' x (length($v) - 2) . ']');
is(check_read(1), $bad, 'no JSON');
store(1, 'm', substr($m, 0, -28) . "\0" x 28);
is(check_read(1), $bad, 'no signature');
# Each time but that of its fill further in the future.
foreach my $at (56, 64, 72)
{
	($v, $m) = (stored(1, 'v'), stored(1, 'm'));
	substr($m, $at, 8) = pack('Q>', unpack('Q>', substr($m, $at, 8)) + 86400000000);
	store(1, 'm', $m);
	is(check_read(1), $bad, 'it shall live for a day longer');
}

# ---- the wrong kind of key ----

my %wrong = (
	string => [ 'SET', 'x' ],
	list => [ 'RPUSH', 'x', 'y' ],
	stream => [ 'XADD', '*', 'f', 'x' ]);

sub replace
{
	my ($name, $kind) = @_;
	my ($command, @words) = @{ $wrong{$kind} };

	command($redis, 'DEL', $name);
	command($redis, $command, $name, @words);
	return;
}

foreach my $kind (sort keys %wrong)
{
	replace("cf:$ns:wide:1", $kind);
	is(check_read(1), $closed, "a $kind as entry is a miss");
	command($redis, 'DEL', "cf:$ns:wide:1");
	is(check_read(1), $miss, "without the $kind it works again");
}
command($redis, 'FLUSHALL');
is(check_read(1), $miss, 'all is gone');
is(check_read(1), $hit, 'and comes again');

# What is too large to be read at all is a failure of Redis.
store(1, 'v', 'x' x (80 * 1024 * 1024));
is(check_read(1), $closed, '80 MB');
like($node->safe_psql('postgres', 'SELECT redis_error FROM cache_status'), qr/too large/, 'cache_status says why');
command($redis, 'DEL', "cf:$ns:wide:1");
is(check_read(1), $miss, 'and without it all is well');
is(expiring($redis), '', 'every key in Redis has a time to live');

# ---- encryption ----

my %secret = map { $_ => sprintf('%02x', $_) x 32 } 1 .. 3;

sub write_keys
{
	my ($mode, @lines) = @_;

	unlink $key_file;
	append_to_file($key_file, join('', map { "$_\n" } @lines));
	chmod $mode, $key_file;
	return;
}

sub key_id
{
	return unpack('n', substr(stored($_[0], 'm'), 6, 2));
}

# Nothing in Redis that shows a value; redis-cli prints all there is of it.
sub in_plain
{
	return join ' ', grep { /^cf:/ && $redis->cli('--raw', 'HGETALL', $_) =~ /secret/ } keys_of($redis);
}

is(check_read(1), $hit, 'a plain value');
isnt(in_plain(), '', 'is seen by who reads Redis');
write_keys(0600, "1 $secret{1}");
reconfigure($node, 'cachefront.encryption_key_file' => $key_file);
connect_session();
is(check_read(1), $bad, 'with encryption it is not believed');
is(key_id(1), 1, 'and encrypted');
is(check_read(1), $hit, 'which is read');
$session->query_safe(q{SELECT cache_fetch('shared:1', 'SELECT v FROM wide WHERE id = 1')});
is(command($redis, 'HEXISTS', "cf:$ns:shared:1", 'v'), 1, 'also of scope shared');
is(in_plain(), '', 'nothing is in plain');
$v = stored(1, 'v');
$m = stored(1, 'm');
damage('a flipped bit of an encrypted value', 'v', flipped($v, map { $_ * 137 } 0 .. (length($v) - 1) / 137));
damage('a cut encrypted value', 'v', map { substr($v, 0, $_) } 0, 1, 12, 16, 28, length($v) - 16, length($v) - 1);
damage('a flipped bit of its meta', 'm', flipped($m, map { $_ * 3 } 0 .. (length($m) - 1) / 3));

write_keys(0600, "2 $secret{2}", "1 $secret{1}");
is(check_read(1), $hit, 'rotated: values of the old key are read');
is(check_read(3), $miss, 'new ones');
is(key_id(3), 2, 'are of the new key');
write_keys(0600, "2 $secret{2}");
is(check_read(1), $bad, 'without the old key its values are counted misses');
is(key_id(1), 2, 'and encrypted anew');
is(check_read(3), $hit, 'those of the new key are read');
write_keys(0600, "2 $secret{3}");
is(check_read(3), $bad, 'another key of the same number');

my %unusable = (
	'gone' => sub { unlink $key_file },
	'for everybody to read' => sub { write_keys(0644, "2 $secret{3}") },
	'for the group to write' => sub { write_keys(0620, "2 $secret{3}") },
	'empty' => sub { write_keys(0600) },
	'garbage' => sub { write_keys(0600, 'x' x 100) },
	'a short key' => sub { write_keys(0600, '2 ' . substr($secret{3}, 1)) },
	'no file but a folder' => sub { unlink $key_file; mkdir $key_file; });
foreach my $name (sort keys %unusable)
{
	$unusable{$name}->();
	is(check_read(3), $closed, "key file: $name: fails closed");
	is(check_read(4), $closed, "key file: $name: fills nothing");
	is(in_plain(), '', "key file: $name: nothing is in plain");
	rmdir $key_file if -d $key_file;
	write_keys(0600, "2 $secret{3}");
	is(check_read(3), $hit, "key file: $name: repaired");
	is(check_read(4), $miss, "key file: $name: and filled");
	command($redis, 'DEL', "cf:$ns:wide:4");
}
like(slurp_file($node->logfile), qr/could not use encryption key file/, 'the log says so');
ok(index(slurp_file($node->logfile), $_) < 0, 'and no secret') foreach values %secret;
is(expiring($redis), '', 'every key in Redis has a time to live, still');

$session->quit;
$node->stop;
done_testing();
