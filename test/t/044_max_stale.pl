# max_stale and time: an entry's age is counted from its fill; a commit that
# drops entries by hand does so the moment that it is visible; and what has been
# outdated is the first to go when memory is short. What it serves, and to whom,
# is in sql/max_stale.sql.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node(
	'max_stale',
	'autovacuum' => 'off',
	'cachefront.l1_size' => '1MB',
	'cachefront.xfetch_beta' => '0',
	'cachefront.ttl_jitter' => '0');
debug($node);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 2000) i;
	SELECT cache_attach('item', 'item:{id}', ARRAY['item-tag:{id}']);
	SELECT cache_attach('item', rows => '{}');
	SELECT cache_define('item', max_stale => '1 minute');
	SELECT cache_define('tagged', max_stale => '1 minute');
	SELECT cache_define('table', max_stale => '1 minute')});
my $control = open_session($node);

my %fetch = (
	key => q{SELECT cache_fetch('item:1', 'SELECT v FROM item WHERE id = 1')},
	tag => q{SELECT cache_fetch('tagged:1', 'SELECT v FROM item WHERE id = 1', tags => ARRAY['item-tag:1'])},
	table => q{SELECT cache_fetch('table:1', 'SELECT max(v) AS v FROM item WHERE id = 1')});
my %drop = (
	key => q{SELECT cache_invalidate('item:1')},
	tag => q{SELECT cache_invalidate_tag('item-tag:1')},
	table => q{SELECT cache_invalidate_table('item')},
	all => q{SELECT cache_flush()},
	ddl => q{ALTER TABLE item ALTER v SET STATISTICS 10});
my $last = 0;

sub read_now
{
	my ($kind) = @_;

	return query($fetch{$kind}) =~ s/\D//gr;
}

# All three are filled with what there is.
sub fill
{
	query('SELECT cache_flush()');
	is(read_now($_), $last, "$_: filled") foreach sort keys %fetch;
	return;
}

sub update
{
	my ($more) = @_;

	$last++;
	return "BEGIN; UPDATE item SET v = $last WHERE id = 1; " . ($more // '') . '; COMMIT';
}

# ---- its age ----

fill();
query(update());
is(read_now($_), $last - 1, "$_: outdated, and served") foreach sort keys %fetch;
query(q{SELECT cf_debug_advance_clock('40 s')});
is(read_now($_), $last - 1, "$_: still") foreach sort keys %fetch;
query(update());
query(q{SELECT cf_debug_advance_clock('30 s')});
is(read_now($_), $last, "$_: no longer than a minute after it was filled") foreach sort keys %fetch;
is(CfTest::stat($node, 'max_stale_hits'), 6, 'so many were served');

# ---- windows of commits ----

foreach my $how (sort keys %drop)
{
	my $writer;

	# Raised, not visible: they may be old, but they are not taken from memory.
	fill();
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('commit-window')});
	$writer = start_session($node, update($drop{$how}));
	await_waitpoint($node);
	query('SELECT cache_stats_reset()');
	is(read_now($_), $last - 1, "$how, not visible: $_") foreach sort keys %fetch;
	my $hits = CfTest::stat($node, 'max_stale_hits');
	# DDL's epoch is raised after this point.
	is($hits, $how eq 'all' ? 0 : $how eq 'table' ? 0 : $how eq 'ddl' ? 3 : 2, "$how: so many are served in the window");
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('commit-window')});
	is(finish_session($writer)->{status}, 0, "$how: the commit ends");

	# Visible, not settled.
	next if $how eq 'ddl';
	fill();
	query(q{SELECT cf_debug_hold('commit-before-settle')});
	$writer = start_session($node, update($drop{$how}));
	await($node, 'SELECT cf_debug_held()', 1);
	foreach my $kind (sort keys %fetch)
	{
		my $dropped = $how eq $kind || $how eq 'table' || $how eq 'all';

		is(read_now($kind), $dropped ? $last : $last - 1, "$how, visible: $kind");
	}
	query('SELECT cf_debug_hold(NULL)');
	is(finish_session($writer)->{status}, 0, "$how: the commit ends");
	foreach my $kind (sort keys %fetch)
	{
		my $dropped = $how eq $kind || $how eq 'table' || $how eq 'all';

		is(read_now($kind), $dropped ? $last : $last - 1, "$how, settled: $kind");
	}
}

# Cancelled in the window: nothing was dropped for good. A key's entries are gone.
foreach my $how ('tag', 'table')
{
	my $writer;

	fill();
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('commit-window')});
	$writer = start_session($node, update($drop{$how}), name => 'cancelled');
	await_waitpoint($node);
	query(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'});
	$control->query_safe(q{SELECT cf_debug_waitpoint_release('commit-window')});
	isnt(finish_session($writer)->{status}, 0, "$how: cancelled");
	$last--;
	fill();
	query(update());
	is(read_now($_), $last - 1, "$how, cancelled: $_ may be old again") foreach sort keys %fetch;
}

# ---- memory ----

sub count_entries
{
	my ($from, $to) = @_;

	return query("SELECT count(*) FROM cache_entries WHERE state = 'fresh' AND substring(key FROM 'item:(.*)')::int BETWEEN $from AND $to");
}

# Twice, so that they count as visited.
sub fetch_many
{
	my ($from, $to) = @_;

	query("SELECT count(cache_fetch('item:' || i, 'SELECT repeat(id::text, 200) AS r, v FROM item WHERE id = ' || i))"
		  . " FROM generate_series($from, $to) i")
	  foreach 1, 2;
	return;
}

query('SELECT cache_flush()');
fetch_many(100, 499);
is(count_entries(100, 499), 400, 'there is room for 400');
query('UPDATE item SET v = v + 1 WHERE id BETWEEN 100 AND 499');
is(count_entries(100, 499), 0, 'which are outdated');
fetch_many(600, 999);
fetch_many(1000, 1299);
cmp_ok(count_entries(600, 999) + count_entries(1000, 1299), '>=', 690, 'and make room for others');
cmp_ok(query(q{SELECT count(*) FROM cache_entries WHERE state = 'invalidated'}), '<', 300, 'since they went first');
is(CfTest::stat($node, 'no_memory'), 0, 'there was always memory');

$control->quit;
$node->stop;
done_testing();
