# Sentinels and a cluster over TLS, with a user and a password: in use, over a failover
# by kill -9, and not at all with the wrong certificate or password.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfRedisFleet;
use CfTest qw(:DEFAULT ask_redis query);

require_debug();

my $certs = CfRedis::certificates(PostgreSQL::Test::Utils::tempdir());
my $password = 's3cret';
my $node = CfTest->client_node('main',
	'cachefront.redis_tls_ca_file' => $certs->{ca},
	'cachefront.redis_command_timeout' => '15s',
	'cachefront.redis_connect_timeout' => '15s',
	'cachefront.breaker_reset' => '200ms');

sub await_ok
{
	my ($key) = @_;

	await_that("to write $key", sub { ask_redis("SET,$key,v") eq 'OK' });
	return;
}

# What is refused opens the breaker, or is told again and again: each time for that reason.
sub refused
{
	my ($key, $reason, $title) = @_;

	await_that("$title: for a refusal", sub { ask_redis("SET,$key,w") =~ $reason });
	return pass($title);
}

sub wrong_ways
{
	my ($fleet, $key, $title) = @_;

	reconfigure($node, 'cachefront.redis_tls_ca_file' => $certs->{other_ca});
	refused($key, qr/certificate/, "$title: a certificate of another authority");
	reconfigure($node, 'cachefront.redis_tls_ca_file' => $certs->{ca}, 'cachefront.redis_url' => $fleet->url("app:wrong"));
	refused($key, qr/WRONGPASS|password/i, "$title: a wrong password");
	reconfigure($node, 'cachefront.redis_url' => $fleet->url);
	refused($key, qr/NOAUTH|password/i, "$title: none");
	reconfigure($node, 'cachefront.redis_url' => $fleet->url("app:$password") =~ s/^rediss/redis/r);
	refused($key, qr/^FAILED/, "$title: without TLS");
	reconfigure($node, 'cachefront.redis_url' => $fleet->url("app:$password"));
	await_ok($key);
	is(ask_redis("GET,$key"), 'v', "$title: and in use again");
	return;
}

# ---- Sentinels ----

{
	my $fleet = CfRedisFleet->sentinel(tls => $certs, password => $password);

	reconfigure($node, 'cachefront.redis_url' => $fleet->url("app:$password"));
	await_ok('k');
	is($fleet->{master}->cli('GET', 'k'), 'v', 'Sentinels: the master is used');
	wrong_ways($fleet, 'k', 'Sentinels');
	$fleet->{master}->kill;
	await_that('for the failover', sub { $fleet->{replica}->cli('INFO', 'replication') =~ /role:master/ });
	await_ok('k2');
	is($fleet->{replica}->cli('GET', 'k2'), 'v', 'Sentinels: the new master is used');
	$_->kill foreach $fleet->{replica}, @{ $fleet->{sentinels} };
}

# ---- a cluster ----

{
	my $fleet = CfRedisFleet->cluster(tls => $certs, password => $password);
	my @nodes = @{ $fleet->{nodes} };
	my @keys = map { $fleet->key_of($nodes[$_], 'k') } 0 .. 2;

	reconfigure($node, 'cachefront.redis_url' => $fleet->url("app:$password"));
	await_ok($_) foreach @keys;
	is(join(' ', map { $nodes[$_]->cli('GET', $keys[$_]) } 0 .. 2), 'v v v', 'a cluster: each node is used');
	wrong_ways($fleet, $keys[1], 'a cluster');

	$nodes[0]->kill;
	await_that('for a failover', sub { $nodes[3]->cli('INFO', 'replication') =~ /role:master/ });
	await_ok($keys[0]);
	is($nodes[3]->cli('GET', $keys[0]), 'v', 'a cluster: the replica that took over is used');
}

$node->stop;
done_testing();
