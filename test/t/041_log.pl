# A transaction with a long log of operations on the cache: its commit can be
# cancelled until it becomes visible, and the work does not grow faster than the
# log.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest qw(:DEFAULT query);

require_debug();

my $node = CfTest->node('main', 'cachefront.track_changes' => 'on');

query(q{
	CREATE FUNCTION hold(text) RETURNS void LANGUAGE C AS 'cachefront', 'cachefront_debug_hold';
	CREATE FUNCTION held() RETURNS int LANGUAGE C AS 'cachefront', 'cachefront_debug_held';
	CREATE FUNCTION steps() RETURNS bigint LANGUAGE C AS 'cachefront', 'cachefront_debug_steps'});

# ---- cancelled ----------------------------------------------------------------

# The signal is there before the commit goes on, which does not wait for anything
# from then on: so it must look.
foreach my $case ([ 'pg_cancel_backend', 'canceling statement' ], [ 'pg_terminate_backend', 'terminating connection' ])
{
	my ($signal, $message) = @$case;
	my %log = (
		'sets' => q{SELECT count(cache_set('log:' || i, to_json(i), tags => ARRAY['t' || i])) FROM generate_series(1, 1000) i},
		'invalidations' => q{SELECT count(cache_invalidate('log:' || i)) FROM generate_series(1, 1000) i});

	foreach my $title (sort keys %log)
	{
		query(q{SELECT cache_set('log:1', '"old"', tags => ARRAY['t'])});
		query(q{SELECT hold('commit-before-log')});
		my $session = start_session($node, "BEGIN; $log{$title}; COMMIT;", name => 'held');
		ok(wait_until($node, 'SELECT held()', '1'), "$title: the commit has begun");
		query("SELECT $signal(pid) FROM pg_stat_activity WHERE application_name = 'held'");
		query('SELECT hold(NULL)');
		like(finish_session($session)->{stderr}, qr/$message/, "$signal with $title");
		is(query(q{SELECT cache_get('log:1')}), '"old"', 'what was there is as before');
		is(query(q{SELECT cache_get('log:2')}), '', 'nothing is left');
	}
}

# ---- the work -----------------------------------------------------------------

# Steps of a transaction that fills n misses, each with some tags, and then some.
sub steps
{
	my ($n, $last) = @_;
	my $out = query(qq{
		SELECT cache_flush();
		BEGIN;
		SELECT count(cache_set('log:' || i, to_json(i),
			tags => (SELECT array_agg('t' || i || ',' || j) FROM generate_series(1, 20) j)))
		FROM generate_series(1, $n) i WHERE cache_get('log:' || i) IS NULL;
		SELECT count(cache_invalidate_tag('t' || i || ',1')) FROM generate_series(1, $n / 2) i;
		SAVEPOINT s;
		SELECT count(cache_invalidate('log:' || i)) FROM generate_series(1, $n) i;
		ROLLBACK TO s;
		$last;
		SELECT steps()});
	my $lines = (split /\n/, $out)[-1];

	return $lines;
}

foreach my $last ('COMMIT', 'ROLLBACK')
{
	my ($few, $many) = (steps(500, $last), steps(4000, $last));

	cmp_ok($few, '>', 500, "$last: the steps are counted");
	cmp_ok($many, '<', 8 * $few * 1.1, "$last: eight times as many operations, eight times the work");
}
is(query(q{SELECT cache_get('log:1'), cache_get('log:499')}), '|', 'rolled back');
steps(500, 'COMMIT');
is(query(q{SELECT cache_get('log:250'), cache_get('log:251')}), '|251', 'a tag overtakes its set, not the others');

done_testing();
