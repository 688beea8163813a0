# Rows that share a clock are dropped together: there are enough clocks that a change
# drops few others, with thousands of them in memory.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);
use CfTier;

my ($kept, $changed) = (5000, 8000);
my $node = CfTest->node('main', 'cachefront.track_changes' => 'on');

# Reads all that are to be kept: how many of them are loaded.
sub loads
{
	my $before = counters($node);

	query("SELECT count(cache_fetch_row('item:' || id, 'SELECT v FROM item WHERE id = \$1', (id)))
		FROM generate_series(1, $kept) id");
	return since($node, $before, 'loads')->{loads};
}

query(qq{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, $kept + $changed) i;
	SELECT cache_attach('item')});

# Who is the first to depend on a table outdates what he has: so twice.
loads();
loads();
is(loads(), 0, 'all are in memory');
query("UPDATE item SET v = 1 WHERE id > $kept");
# With a quarter as many clocks it would be 570 of them.
cmp_ok(loads(), '<', 300, 'rows that have changed take few others with them');
is(query(qq{SELECT count(*) FROM item WHERE v <> (cache_fetch_row('item:' || id,
	'SELECT v FROM item WHERE id = \$1', (id))->>'v')::int}), 0, 'and nothing is old');

$node->stop;
done_testing();
