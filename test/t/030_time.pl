# What time does to an entry: time to live and its jitter, and negative entries. The debug
# build's clock moves; the test does not wait.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query stats ttl_of);
use CfTime;

require_debug();

my $node = time_node('time');

# The whole time to live of an entry, in seconds.
my $ttl = 'extract(epoch FROM ttl_left + age)';

# ---- time to live -----------------------------------------------------------

note('---- time to live');
clean();
my $one = "SELECT cache_fetch('k', 'SELECT val FROM item', ttl => '10 min')";
query($one);
is(ttl_of('k'), 600, 'the time to live of the call');
query("UPDATE item SET val = 'two'");
advance('9 min');
is(query($one), '[{"val":"one"}]', 'before its end it is there');
is(stats('loads', 'l1_hits'), '1|1', 'it was a hit');
advance('1 min');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"), 'stale', 'past its end');
is(query($one), '[{"val":"two"}]', 'it is loaded again');
is(stats('loads', 'l1_hits', 'misses', 'stale_hits'), '2|1|2|0', 'it was a miss');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"), 'fresh', 'and is fresh again');
advance('20 min');
is(query("SELECT state FROM cache_entries WHERE key = 'k'"),
	'expired', 'past its stale time it is of no use');

# Somebody sets the machine's clock, by days: it is nothing to an entry, old or new.
# What is shown of times is of that clock, as it was set last.
foreach my $by ('-1 day', '1 day')
{
	clean();
	query("SELECT cache_fetch('short', 'SELECT val FROM item', ttl => '30 s'),"
		  . " cache_fetch('long', 'SELECT val FROM item', ttl => '2 hours')");
	query("SELECT cf_debug_set_wall_clock('$by')");
	query("SELECT cache_fetch('short:later', 'SELECT val FROM item', ttl => '30 s'),"
		  . " cache_fetch('long:later', 'SELECT val FROM item', ttl => '2 hours')");
	is(query("SELECT count(*), max(abs(extract(epoch FROM now() + '$by' - filled_at))) < 7200,"
			  . " max(age) < '10 min', min(age) >= '0', max(ttl_left) <= '2 hours' FROM cache_entries"),
		'4|t|t|t|t', "the clock set by $by: what is shown");
	advance('31 s');
	is(query("SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM cache_entries"),
		'long fresh, long:later fresh, short stale, short:later stale',
		"the clock set by $by: each lives as long as it was given");
	query("SELECT cf_debug_set_wall_clock('0')");
	is(query("SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) FROM cache_entries"),
		'long fresh, long:later fresh, short stale, short:later stale',
		"the clock set right again: the same");
}
clean();

# The call's own, then its cache's, then the server's.
query("SELECT cache_define('short', ttl => '20 s')");
query("SELECT cache_fetch('short:a', 'SELECT 1'), cache_fetch('a', 'SELECT 1'),"
	  . " cache_fetch('short:b', 'SELECT 1', ttl => '1 hour')");
is(ttl_of('short:a'), 20, "the cache's own time to live");
is(ttl_of('short:b'), 3600, "the call's goes before it");
is(ttl_of('a'), 300, 'cachefront.default_ttl');
query("SET cachefront.default_ttl = '7 min'; SELECT cache_fetch('b', 'SELECT 1')");
is(ttl_of('b'), 420, 'cachefront.default_ttl of the session');

clean();
query(q{SELECT cache_set('v', '1', ttl => '10 min')});
advance('9 min');
is(query("SELECT cache_get('v')"), '1', 'a value that was set is there');
query("SELECT cache_touch('v', '10 min')");
advance('9 min');
is(query("SELECT cache_get('v')"), '1', 'cache_touch has prolonged it');
advance('1 min');
is(query("SELECT cache_get('v') IS NULL"), 't', 'then it is not: there is no stale value');
query("SELECT cache_touch('v', '10 min')");
is(query("SELECT cache_get('v') IS NULL"), 't', 'a touch does not bring it back');

# ---- jitter -----------------------------------------------------------------

note('---- jitter');
clean();
query( "SELECT cache_define('j', ttl => '1000 s', jitter => 0.2);"
	  . " SELECT count(cache_fetch('j:' || i, 'SELECT 1')) FROM generate_series(1, 500) i;"
	  . " SELECT count(cache_set('j:v' || i, '1')) FROM generate_series(1, 500) i");
foreach my $form ('json', 'value')
{
	my @facts = split /\|/, query("SELECT count(*), min($ttl), max($ttl), avg($ttl),
		count(DISTINCT $ttl) FROM cache_entries WHERE form = '$form'");

	is($facts[0], 500, "$form: 500 entries");
	cmp_ok($facts[1], '>=', 800, "$form: at most a fifth is taken off");
	cmp_ok($facts[2], '<=', 1000, "$form: nothing is added");
	# Uniform: that 500 miss a tenth of the range has a chance of 1e-23.
	cmp_ok($facts[1], '<', 820, "$form: near to a fifth for some");
	cmp_ok($facts[2], '>', 980, "$form: near to nothing for some");
	# 5 sigma of the mean of 500: 200 / sqrt(12) / sqrt(500) * 5.
	cmp_ok(abs($facts[3] - 900), '<', 13, "$form: uniform");
	cmp_ok($facts[4], '>', 490, "$form: they do not expire together");
}
query("SELECT count(cache_fetch('n:' || i, 'SELECT 1')) FROM generate_series(1, 50) i");
is(query("SELECT DISTINCT round($ttl, 6) FROM cache_entries WHERE key LIKE 'n:%'") + 0,
	300, 'none without jitter');
query('SET cachefront.ttl_jitter = 1;'
	  . " SELECT count(cache_fetch('g:' || i, 'SELECT 1')) FROM generate_series(1, 50) i");
is( query("SELECT min($ttl) BETWEEN 0 AND 150, max($ttl) BETWEEN 150 AND 300,
		count(*) = 50 FROM cache_entries WHERE key LIKE 'g:%'"),
	't|t|t',
	'cachefront.ttl_jitter');

# ---- negative entries -------------------------------------------------------

note('---- negative entries');
clean();
my $none = "'SELECT val FROM item WHERE id = \$1', (2)";
query("SELECT cache_fetch('neg:a', $none, ttl => '10 min'),"
	  . " cache_fetch('neg:b', $none, ttl => '60 s')");
is(ttl_of('neg:a'), 30, 'cachefront.negative_ttl');
is(ttl_of('neg:b'), 12, 'at most a fifth of the time to live');
is(query("SELECT count(*) FROM cache_entries WHERE negative"), 2, 'shown as negative');
is(stats('negative_hits'), 0, 'the first call is no negative hit');
is( query("SELECT cache_fetch('neg:a', $none, ttl => '10 min'),"
		  . " cache_fetch_row('neg:a', $none, ttl => '10 min') IS NULL"),
	'[]|t',
	'no rows, from the cache');
is(stats('loads', 'negative_hits', 'l1_hits'), '2|2|2', 'two negative hits');
query("SELECT * FROM cache_fetch_rows('neg:a', $none) AS t(v text)");
is(query("SELECT count(*) FROM cache_fetch_rows('neg:a', $none) AS t(v text)"),
	0, 'no typed rows either');
is(stats('loads', 'negative_hits'), '3|3', 'one more');
query("INSERT INTO item VALUES (2, 'late')");
advance('15 s');
is(query("SELECT cache_fetch('neg:a', $none, ttl => '10 min')"), '[]', 'until its end');
advance('15 s');
is(query("SELECT cache_fetch('neg:a', $none, ttl => '10 min')"),
	'[{"val":"late"}]', 'then the row is found');
is(ttl_of('neg:a'), 600, 'and has the time to live of a row');
is(query("SELECT negative FROM cache_entries WHERE key = 'neg:a' AND form = 'json'"),
	'f', 'it is not negative any more');

clean();
query( "SELECT cache_define('neg', ttl => '1000 s', negative_ttl => '100 s', jitter => 0.5);"
	  . " SELECT count(cache_fetch('neg:' || i, 'SELECT 1 WHERE false'))"
	  . ' FROM generate_series(1, 200) i');
is( query("SELECT count(*), min($ttl) BETWEEN 50 AND 60, max($ttl) BETWEEN 90 AND 100
		FROM cache_entries WHERE negative"),
	'200|t|t',
	"the cache's own negative_ttl, with jitter");
query("SET cachefront.negative_ttl = '50 s'; SELECT cache_fetch('x', 'SELECT 1 WHERE false')");
is(ttl_of('x'), 50, 'cachefront.negative_ttl of the session');
query("SELECT cache_drop('neg')");

$node->stop;
unlike(slurp_file($node->logfile),
	qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log');

done_testing();
