# A worker of a database that has gone to rest just before new work came has not
# failed: its work is not given up, however often that happens.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

my $node = CfTest->node('main');

ok(CfTest::wait_until($node, 'SELECT worker_obstacle IS NULL FROM cache_status', 't'), 'the launcher is there');

my $workers = q{FROM pg_stat_activity WHERE backend_type = 'cachefront worker'};
my $launcher = worker_pid($node, 'cachefront launcher');

foreach my $i (1 .. 5)
{
	# While the launcher looks away, the worker ends and new work comes.
	await_that("for a worker, $i", sub {
		query(q{SELECT cache_invalidate('some')});
		return query("SELECT count(*) > 0 $workers") eq 't';
	});
	kill 'STOP', $launcher;
	my $rested = CfTest::wait_until($node, "SELECT count(*) = 0 $workers");
	query("SELECT cache_invalidate('next:$i')");
	kill 'CONT', $launcher;
	ok($rested, "it goes to rest, $i");
}
ok(CfTest::wait_until($node, "SELECT count(*) = 0 $workers"), 'the last one');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/giving up its work/, 'nothing is given up');

done_testing();
