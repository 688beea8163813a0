# A Redis that keeps no promise: it gives back anything that was ever stored, pairs
# what does not belong together, takes one key for another, and loses what it was to drop.
# Writers count up, readers compare: whoever asks after a commit gets no less than
# that, and nobody gets what is not there yet.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfLiarRedis;
use CfRedis;
use CfTest;
use CfTier;

my $redis = CfRedis->new('main');
my $liar = CfLiarRedis->new($redis);
my $node = CfTier->primary('primary', $redis,
	'cachefront.redis_url' => $liar->url,
	'cachefront.track_changes' => 'on',
	'cachefront.breaker_failures' => 1000);

$node->safe_psql('postgres', q{
	CREATE TABLE item (id int PRIMARY KEY, v int);
	CREATE TABLE tracked (id int PRIMARY KEY, v int);
	CREATE TABLE tagged (id int PRIMARY KEY, v int);
	CREATE TABLE kept (id int PRIMARY KEY, v int);
	INSERT INTO item SELECT i, 0 FROM generate_series(1, 5) i;
	INSERT INTO tracked TABLE item;
	INSERT INTO tagged TABLE item;
	INSERT INTO kept TABLE item;
	SELECT cache_attach('item', 'item:{id}');
	SELECT cache_define('item', scope => 'shared'), cache_define('tracked', scope => 'shared'),
		cache_define('tagged', scope => 'shared', freshness => 'declared');

	-- What a table has, and what the cache says: a number that only grows.
	CREATE FUNCTION have(kind text, id int) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE v int;
	BEGIN
		EXECUTE format('SELECT v FROM %I WHERE id = %s', kind, id) INTO v;
		RETURN v;
	END $$;
	CREATE FUNCTION told(kind text, id int) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		RETURN CASE kind
			WHEN 'kept' THEN cache_get('kept:' || id)::text::int
			WHEN 'tagged' THEN (cache_fetch_row('tagged:' || id, format('SELECT v FROM tagged WHERE id = %s', id),
				tags => ARRAY['t' || id])->>'v')::int
			ELSE (cache_fetch_row(kind || ':' || id, format('SELECT v FROM %I WHERE id = %s', kind, id))->>'v')::int END;
	END $$;

	CREATE PROCEDURE write(seconds float8) LANGUAGE plpgsql AS $$
	DECLARE
		till timestamptz := clock_timestamp() + seconds * interval '1 second';
		n int;
		new int;
	BEGIN
		WHILE clock_timestamp() < till LOOP
			n := 1 + random() * 4;
			CASE 1 + floor(random() * 5)
				WHEN 1 THEN UPDATE item SET v = v + 1 WHERE id = n;
				WHEN 2 THEN UPDATE tracked SET v = v + 1 WHERE id = n;
				WHEN 3 THEN
					UPDATE tagged SET v = v + 1 WHERE id = n;
					PERFORM cache_invalidate_tag('t' || n);
				WHEN 4 THEN
					UPDATE kept SET v = v + 1 WHERE id = n RETURNING v INTO new;
					PERFORM cache_set('kept:' || n, to_json(new));
				ELSE UPDATE item SET v = v + 1 WHERE id = n; ROLLBACK;
			END CASE;
			COMMIT;
			PERFORM pg_sleep(random() * 0.005);
		END LOOP;
	END $$;

	-- Nothing that a look costs is saved: it is what is tested.
	CREATE PROCEDURE check_reads(seconds float8, INOUT reads int, INOUT stale int, INOUT future int) LANGUAGE plpgsql AS $$
	DECLARE
		till timestamptz := clock_timestamp() + seconds * interval '1 second';
		kinds text[] := '{item,tracked,tagged,kept}';
		kind text;
		n int;
		before int;
		got int;
		after int;
	BEGIN
		WHILE clock_timestamp() < till LOOP
			n := 1 + random() * 4;
			kind := kinds[1 + random() * 3];
			before := have(kind, n);
			COMMIT;
			got := told(kind, n);
			COMMIT;
			after := have(kind, n);
			COMMIT;
			reads := reads + 1;
			IF got < before THEN
				stale := stale + 1;
				RAISE WARNING 'stale: %:% was %, and got %', kind, n, before, got;
			ELSIF got > after THEN
				future := future + 1;
				RAISE WARNING 'future: %:% is %, and got %', kind, n, after, got;
			END IF;
		END LOOP;
	END $$;
});
await($node, 'SELECT l2 FROM cache_status', 'up');

my $seconds = $ENV{CF_ADVERSARY_SECONDS} // 3;
my %conf = ('cachefront.l1_max_value' => 0);

# Two who write on the primary, and readers on each server, of which one has a memory. Returns
# how many reads there were.
sub run_race
{
	my ($mode, @servers) = @_;
	my (@writers, @readers);
	my ($reads, $wrong) = (0, '');

	push @writers, start_session($node, "CALL write($seconds)") foreach 1, 2;
	foreach my $server (@servers)
	{
		push @readers, start_session($server, "CALL check_reads($seconds, 0, 0, 0)", conf => \%conf) foreach 1, 2;
		push @readers, start_session($server, "CALL check_reads($seconds, 0, 0, 0)");
	}
	foreach my $session (@writers)
	{
		my $result = finish_session($session);

		is($result->{status}, 0, "$mode: no commit fails") or diag($result->{stderr});
	}
	foreach my $session (@readers)
	{
		my $result = finish_session($session);
		my ($n, $stale, $future) = split /\|/, $result->{stdout} || 'none|||';

		$wrong .= $result->{stderr};
		$reads += $n if $n ne 'none';
		$wrong .= 'a reader failed' if $n eq 'none';
	}
	is($wrong, '', "$mode: nothing stale, nothing of the future, no error");
	return $reads;
}

# What a lying Redis gives is seldom of use: on a slow machine it takes more than one race.
sub race
{
	my ($mode, @servers) = @_;
	my $before = counters($node);
	my $lies = $liar->lies;
	my $is_used = $mode =~ /honest|lose|old|all/;
	my ($reads, $grown) = (0);

	$liar->mode($mode);
	foreach (1 .. 5)
	{
		$reads += run_race($mode, @servers);
		$grown = since($node, $before, qw(l2_hits l2_fills l2_bad_values));
		last if $grown->{l2_hits} > 0 || !$is_used;
	}
	cmp_ok($reads, '>', 20, "$mode: of $reads reads");
	cmp_ok($liar->lies, '>', $lies, "$mode: Redis has lied") if $mode ne 'honest';
	cmp_ok($grown->{l2_fills}, '>', 0, "$mode: it was filled");
	cmp_ok($grown->{l2_hits}, '>', 0, "$mode: and used") if $is_used;
	cmp_ok($grown->{l2_bad_values}, '>', 0, "$mode: and caught") if $mode eq 'mix';
	return;
}

race($_, $node) foreach qw(honest old mix other lose all);

# What was stored before a restart, too, clean or not.
$liar->mode('old');
$node->restart;
await($node, 'SELECT l2 FROM cache_status', 'up');
race('old', $node);
$node->stop('immediate');
$node->start;
await($node, 'SELECT l2 FROM cache_status', 'up');
race('all', $node);

# A standby, which judges by what it has replayed; and what it becomes.
$liar->mode('honest');
my $standby = standby_of($node, 'standby');
await($standby, 'SELECT l2 FROM cache_status', 'up');
race($_, $node, $standby) foreach qw(honest old all);
cmp_ok(stat($standby, 'l2_hits'), '>', 0, 'the standby has used Redis');
$node->stop('immediate');
$standby->promote;
$node = $standby;
await($node, 'SELECT l2 FROM cache_status', 'up');
race('all', $node);

$node->stop;
done_testing();
