# A connection to Redis that nobody uses is closed, and whoever goes on keeps his.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;

require_debug();

my $dir = PostgreSQL::Test::Utils::tempdir();
my $certs = CfRedis::certificates($dir);
my $redis = CfRedis->new('main', tls => $certs);
my $node = CfTest->client_node('main',
	'cachefront.redis_url' => $redis->url('unix'),
	'cachefront.breaker_failures' => 1000000,
	'cachefront.redis_command_timeout' => '5s',
	'cachefront.redis_connect_timeout' => '5s',
	'cachefront.redis_idle_timeout' => '3s',
	'cachefront.redis_tls_ca_file' => $certs->{ca});
my $session = open_session($node, 'postgres');
my $sql = "SELECT cf_debug_redis('{PING}')";

sub wait_clients
{
	my ($n) = @_;

	await_that("for $n clients", sub { $redis->nclients == $n });
	return 1;
}

# Right after a use, whatever the machine does meanwhile: so not each attempt need pass.
my $nclients;
foreach (1 .. 10)
{
	$session->query_safe($sql);
	$nclients = $redis->nclients;
	last if $nclients == 1;
}
is($nclients, 1, 'a session that then does nothing is connected');
ok(wait_clients(0), 'and closes its connection by itself');
my ($first_generation, $last_generation);
foreach (1 .. 10)
{
	($first_generation, $last_generation) = map { /generation=(\d+)/ } split /\n\n/,
	  $session->query_safe("$sql; SELECT cf_debug_redis_report();"
		  . " SELECT count(cf_debug_redis(ARRAY['PING', pg_sleep(0.2)::text])) FROM generate_series(1, 20);"
		  . ' SELECT cf_debug_redis_report()');
	last if $first_generation == $last_generation;
}
is($first_generation, $last_generation, 'one that goes on keeps it all the time');
ok(wait_clients(0), 'until it stops');
POSIX::mkfifo("$dir/end", 0600) or die "could not make a pipe: $!";
my $failing = start_session($node,
	"$sql;\n\\set ON_ERROR_STOP off\nSELECT 1/0;\n\\! touch $dir/failed; cat $dir/end\n");
await_that('for a failure', sub { -e "$dir/failed" });
ok(wait_clients(0), 'if it is idle after an error it closes its connection as well');
ok(!is_over($failing), 'though it goes on');
append_to_file("$dir/end", '');
is(finish_session($failing)->{stdout}, 'PONG', 'it had one');
reconfigure($node, 'cachefront.redis_url' => $redis->url('tls'));
is($session->query_safe($sql), 'PONG', 'TLS:');
ok(wait_clients(0), 'closed as well');
is($session->query_safe($sql), 'PONG', 'and used again');
$session->quit;
ok(wait_clients(0), 'a session that ends closes it');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|WARNING:|terminated by signal/, 'nothing in the log');
done_testing();
