# An example to copy: a server of its own, and a race that a wait point decides.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $node = CfTest->node('main', 'cachefront.l1_size' => '8MB');
my $control = open_session($node);
my $fetch = q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')};

debug($node);
$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item VALUES (1, 10);
	SELECT cache_attach('item', 'item:{id}')});

# A reader has its rows and is about to keep them when they change.
$control->query_safe(q{SELECT cf_debug_waitpoint_enable('fetch-before-fill')});
my $reader = start_session($node, $fetch);
await_waitpoint($node);
$node->safe_psql('postgres', 'UPDATE item SET v = 20 WHERE id = 1');
$control->query_safe(q{SELECT cf_debug_waitpoint_release('fetch-before-fill')});
is(finish_session($reader)->{stdout}, '[{"v":10}]', 'the reader has what it read');
is($node->safe_psql('postgres', $fetch), '[{"v":20}]', 'but has not kept it');
is(CfTest::stat($node, 'loads'), 2, 'there were two loads');

$control->quit;
$node->stop;
done_testing();
