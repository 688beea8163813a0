# NOTIFY on channel "cachefront": off, commit and batched; each key once; valid
# JSON under 8000 bytes for any text; a worker that comes back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

my $node = CfTest->node('notify', 'cachefront.notify_interval' => '200ms');
my $listener;

# Payloads that have arrived, after waiting until $want texts are in them.
sub payloads
{
	my ($want) = @_;
	my @payloads;

	for (1 .. 20 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $out = $listener->query_safe('SELECT pg_sleep(0.05)');

		push @payloads, $1
		  while $out =~ /notification "(?:cachefront|Only "we" know)" with payload "(.*)" received/g;
		my $n = 0;
		foreach (@payloads)
		{
			my $json = decode_json($_);
			$n += @{ $json->{keys} } + @{ $json->{tags} } + ($json->{all} ? 1 : 0);
		}
		return @payloads if $n >= $want;
	}
	return @payloads;
}

# Texts are published in order: what comes after shows that nothing came before.
sub quiet
{
	my ($what) = @_;

	query(q{SELECT cache_invalidate('marker')});
	is(texts('keys', payloads(1)), 'marker', "$what: nothing is published");
	return;
}

# No worker looks for what to publish before this is let go.
sub hold_worker
{
	my $launcher = worker_pid($node, 'cachefront launcher');

	kill 'STOP', $launcher or die "could not stop the launcher: $!";
	await($node, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'}, '0');
	return $launcher;
}

sub texts
{
	my ($kind, @payloads) = @_;

	return join(' ', sort map { @{ decode_json($_)->{$kind} } } @payloads);
}

query(q{CREATE TABLE p (id int PRIMARY KEY, cat int, v int DEFAULT 0);
	INSERT INTO p SELECT i, i % 3 FROM generate_series(1, 3000) i;
	SELECT cache_attach('p', 'product:{id}', '{"cat:{cat}"}')});
$listener = open_session($node, 'postgres');
$listener->query_safe('LISTEN cachefront');

# batched is the default
my $held = hold_worker();
query('UPDATE p SET v = v + 1 WHERE id IN (1, 2)');
query('UPDATE p SET v = v + 1 WHERE id IN (1, 2)');
kill 'CONT', $held;
my @got = payloads(4);
is(texts('keys', @got), 'product:1 product:2', 'batched: each key once');
is(texts('tags', @got), 'cat:1 cat:2', 'batched: each tag once');
is(scalar @got, 1, 'batched: two commits in one payload');
query('BEGIN; UPDATE p SET v = v + 1 WHERE id = 1; ROLLBACK');
quiet('rollback');
query(q{SELECT cache_set('kv', '1')});
quiet('cache_set');

# payloads
query('UPDATE p SET v = v + 1 WHERE id <= 2000');
@got = payloads(2003);
is(scalar(split / /, texts('keys', @got)), 2000, 'batched: all keys of a large commit');
is(scalar(grep { length($_) >= 8000 } @got), 0, 'payloads are under 8000 bytes');
cmp_ok(scalar @got, '<', 10, 'and well filled');
query(q{SELECT cache_invalidate(E'a"b\\\\c\n\t{}', 'ключ', repeat(E'\x01', 1024))});
@got = payloads(3);
is(texts('keys', @got), join(' ', sort "a\"b\\c\n\t{}", "\x{43a}\x{43b}\x{44e}\x{447}", "\x01" x 1024),
	'any text makes valid JSON');
query('SELECT cache_flush()');
@got = payloads(1);
ok(decode_json($got[0])->{all}, 'cache_flush: all');
query(q{SELECT cache_invalidate(VARIADIC ARRAY(SELECT repeat('x', 1000) || i FROM generate_series(1, 100) i))});
@got = payloads(1);
ok(decode_json($got[0])->{all}, 'more than fits the buffer: all');
query('TRUNCATE p');
@got = payloads(2);
like(texts('tags', @got), qr/^rule:\d+:cache_rule_[0-9a-f]{8} table:\d+$/, 'TRUNCATE: the table and its rule');

# the worker, which rests a second after its work
await_that('for a worker to be terminated', sub {
	query(q{SELECT cache_invalidate('w1')});
	return query(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE backend_type = 'cachefront worker'}) > 0;
});
query(q{SELECT cache_invalidate('w2')});
await_that('for another one', sub { texts('keys', payloads(1)) =~ /\bw2\b/ });
pass('another one does its work');
ok( wait_until($node,
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cachefront worker'},
		'0'),
	'it ends when there is nothing to do');
query('CREATE DATABASE gone');
$node->safe_psql('gone', q{CREATE EXTENSION cachefront; SELECT cache_invalidate('x')});
query('DROP DATABASE gone');
pass('it is not in the way of DROP DATABASE for long');

# commit and off
query('TRUNCATE p; INSERT INTO p VALUES (1, 1)');
query(q{SELECT cache_invalidate('last')});
payloads(5);
query(q{SET cachefront.notify = 'commit'; UPDATE p SET v = v + 1 WHERE id = 1;
	UPDATE p SET v = v + 1 WHERE id = 1});
@got = payloads(4);
is(scalar @got, 2, 'commit: a payload a transaction');
is($got[0], '{"keys":["product:1"],"tags":["cat:1"]}', 'commit: what it changed');
query(q{SET cachefront.notify = 'off'; UPDATE p SET v = v + 1 WHERE id = 1});
quiet('off');

# another channel
sub set_channel
{
	my ($name) = @_;
	my $where = -s $node->logfile;

	$node->append_conf('postgresql.conf', "cachefront.notify_channel = '$name'");
	$node->reload;
	return $where;
}
set_channel('Only "we" know');
ok( wait_until($node, 'SHOW cachefront.notify_channel', 'Only "we" know'),
	'another channel, by a reload');
my $usual = $listener;
$listener = open_session($node);
$listener->query_safe('LISTEN "Only ""we"" know"');
query(q{UPDATE p SET v = v + 1 WHERE id = 1});
query(q{SET cachefront.notify = 'commit'; UPDATE p SET v = v + 1 WHERE id = 1});
payloads(4);
unlike($usual->query_safe('SELECT 1'), qr/notification/, 'who listens to the usual one hears nothing');
$usual->quit;
query(q{UPDATE p SET v = v + 1 WHERE id = 1});
is(texts('keys', payloads(2)), 'product:1', 'batched: who knows the channel hears');
query(q{SET cachefront.notify = 'commit'; UPDATE p SET v = v + 1 WHERE id = 1});
is(texts('keys', payloads(2)), 'product:1', 'commit: likewise');
foreach my $name ('', 'x' x 64)
{
	my $where = set_channel($name);
	ok($node->wait_for_log(qr/invalid value for parameter "cachefront.notify_channel"/, $where),
		length($name) . ' bytes: refused');
}
is(query('SHOW cachefront.notify_channel'), 'Only "we" know', 'and the one before holds');

$listener->quit;
$node->stop;
done_testing();
