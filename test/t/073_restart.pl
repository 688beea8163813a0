# The history outlives a clean restart, and no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on',
	'cachefront.history_size' => '128kB', 'wal_level' => 'replica', 'cachefront.wal_messages' => 'off',
	'max_prepared_transactions' => 2, 'cachefront.wal_lookback' => 0);
my $file = $node->data_dir . '/cachefront.history';
my $none = 'ffffffffffffffff';

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (v int);
	CREATE FUNCTION changed_at(tag text) RETURNS pg_lsn LANGUAGE sql
		AS $$ SELECT '0/0'::pg_lsn + cf_debug_history(tag)::numeric $$});

# When the server begins it has no floor until the launcher has set it.
sub await_floor
{
	await($node, 'SELECT cf_debug_floor() >= 0');
	return $node->safe_psql('postgres', q{SELECT '0/0'::pg_lsn + cf_debug_floor()::numeric});
}

sub last_change
{
	return $node->safe_psql('postgres', q{SELECT changed_at('table:' || 'item'::regclass::oid)});
}

sub change
{
	$node->safe_psql('postgres', 'INSERT INTO item VALUES (1)');
	return last_change();
}

my $floor = await_floor();
my $changed = change();
isnt($changed, '0/0', 'a change is noted');
ok(!-e $file, 'a running server has no file');

$node->stop;
ok(-e $file, 'one that was shut down has');
is((CORE::stat $file)[2] & 0777, 0600, 'which is for its eyes only');
$node->start;
ok(!-e $file, 'and takes it');
is(await_floor(), $floor, 'the same floor as before');
is(last_change(), $changed, 'and the same history');

$changed = change();
$node->restart;
is(await_floor(), $floor, 'once more');
is(last_change(), $changed, 'with what has changed since');

# What another start finds must not be what it is not.
sub is_new
{
	my ($name) = @_;

	isnt(await_floor(), $floor, "$name: a floor of its own");
	is(last_change(), '0/0', "$name: no history");
	ok(!-e $file, "$name: no file");
	$floor = await_floor();
	$changed = change();
	return;
}

$node->stop('immediate');
ok(!-e $file, 'an immediate stop leaves no file');
$node->start;
is_new('after a crash');

# Saved, but the server wrote without the library since.
$node->stop;
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
$node->stop;
ok(-e $file, 'without the library nobody takes the file');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cachefront'");
$node->start;
is_new('after a start without the library');

$node->stop;
{
	local %ENV = $node->_get_env();
	run_log([ 'bash', '-c', "echo 'INSERT INTO item VALUES (2)' | "
		  . "postgres --single -D '@{[$node->data_dir]}' -c shared_preload_libraries= postgres" ]);
}
$node->start;
is_new('after single-user mode');

$node->safe_psql('postgres', q{BEGIN; INSERT INTO item VALUES (3); PREPARE TRANSACTION 'open'});
$node->stop;
ok(!-e $file, 'what is prepared may end unseen');
$node->start;
is_new('with something prepared');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'open'});

$node->stop;
my $text = slurp_file($file);
substr($text, -1) = chr(ord(substr($text, -1)) ^ 1);
open my $out, '>:raw', $file or die;
print $out $text;
close $out;
$node->start;
is_new('a damaged file');
ok($node->log_contains(qr/file "cachefront.history" was damaged/), 'as the log says');

$node->stop;
$node->append_conf('postgresql.conf', "cachefront.history_size = '256kB'");
$node->start;
is_new('another size');

$node->stop;
$node->append_conf('postgresql.conf', 'cachefront.hash_seed = 99');
$node->start;
is_new('another secret');

# A copy of the folder goes its own way, but from the same point on: that is right.
$node->stop;
$node->append_conf('postgresql.conf', 'recovery_target_timeline = latest');
append_to_file($node->data_dir . '/recovery.signal', '');
$node->append_conf('postgresql.conf', "restore_command = 'false'");
$node->start;
await($node, 'SELECT NOT pg_is_in_recovery()');
is_new('after an archive recovery');

$node->stop;
done_testing();
