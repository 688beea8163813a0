# Singleflight: who waits gets no value from before he asked, and none that is not his.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfFlight;
use CfTest qw(:DEFAULT hold let_go stats);

require_debug();
begin_server('fresh');

# ---- freshness --------------------------------------------------------------

# A commit between the leader's snapshot and the waiter's begin.
foreach my $way (
	[ 'key', "cache_invalidate('item:1')" ],
	[ 'tag', "cache_invalidate_tag('t')" ],
	[ 'table', "cache_invalidate_table('item')" ],
	[ 'flush', 'cache_flush()' ],
	[ 'delete', "cache_delete('item:1')" ])
{
	foreach my $point ('load-after-snapshot', 'load-after-query',
		'flight-before-landing')
	{
		begin_case("$way->[0] invalidated at $point");
		$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
		hold($control, $point);
		my $leader = start_session($node, $item);
		await_held($point);
		$node->safe_psql('postgres',
			"BEGIN; UPDATE item SET val = 'new'; SELECT $way->[1]; COMMIT");
		my $later = start_session($node, $item);
		await_waiters(1);
		let_go($control, $point);
		my @results = finish_all($leader, $later);
		is(answer($results[0]), '[{"val":"old"}]', "$case: the leader began before it");
		is(answer($results[1]), '[{"val":"new"}]', "$case: the waiter began after it");
		is($node->safe_psql('postgres', $item),
			'[{"val":"new"}]', "$case: the new value is in L1");
		# At landing, the fill was before the commit, which has dropped it again.
		is(stats('loads', 'fills_refused', 'fills', 'l1_hits'),
			$point eq 'flight-before-landing' ? '2|0|2|1' : '2|1|1|1',
			"$case: the old value was not kept");
		end_case();
	}
}

begin_case('a commit before the snapshot');
{
	# Who waits before the snapshot was taken may take whatever it shows.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold($control, 'flight-leader');
	my @sessions = (start_session($node, $item));
	await_held('flight-leader');
	push @sessions, start_session($node, $item);
	await_waiters(1);
	$node->safe_psql('postgres',
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	push @sessions, start_session($node, $item);
	await_waiters(2);
	let_go($control, 'flight-leader');
	is(answer($_), '[{"val":"new"}]', "$case: the new value")
	  foreach finish_all(@sessions);
	is(stats('loads', 'fills', 'fills_refused', 'flight_handovers'),
		'1|1|0|2', "$case: 1 load");
}
end_case();

begin_case('a commit while all wait');
{
	# They began before it, so one load is enough for them; L1 must not keep it.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold($control, 'flight-leader');
	my @sessions = (start_session($node, $item));
	await_held('flight-leader');
	push @sessions, start_session($node, $item) foreach 1 .. 3;
	await_waiters(3);
	hold($control, 'load-after-query');
	let_go($control, 'flight-leader');
	await_held('load-after-query');
	$node->safe_psql('postgres',
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	let_go($control, 'load-after-query');
	finish_all(@sessions);
	is(stats('loads', 'fills', 'fills_refused'), '1|0|1', "$case: 1 load, not kept");
	is($node->safe_psql('postgres', $item),
		'[{"val":"new"}]', "$case: who comes later gets the new value");
}
end_case();

begin_case('the waiters of a commit window');
{
	# The commit is under way: clocks are raised, the change is not visible yet.
	$node->safe_psql('postgres', "UPDATE item SET val = 'old'");
	hold($control, 'load-after-query');
	my @sessions = (start_session($node, $item));
	await_held('load-after-query');
	hold($control, 'commit-window');
	my $writer = start_session($node,
		"BEGIN; UPDATE item SET val = 'new'; SELECT cache_invalidate('item:1'); COMMIT");
	await_held('commit-window');
	push @sessions, start_session($node, $item) foreach 1 .. 8;
	await_waiters(8);
	# The first value is too old for the eight; they share one more load.
	hold($control, 'flight-leader');
	let_go($control, 'load-after-query');
	finish_session(shift @sessions);
	await_held('flight-leader');
	await_waiters(7);
	pass("$case: one leads, seven wait again");
	let_go($control, 'flight-leader');
	is(answer($_), '[{"val":"old"}]', "$case: a value that is visible")
	  foreach finish_all(@sessions);
	is(stats('loads', 'fills', 'fills_refused'), '2|0|2', "$case: one more load");
	let_go($control, 'commit-window');
	is(finish_session($writer)->{status}, 0, "$case: the commit ends");
	is($node->safe_psql('postgres', $item), '[{"val":"new"}]', "$case: the new value");
}
end_case();

# ---- privacy ----------------------------------------------------------------

$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE TABLE doc (tenant text, body text);
	INSERT INTO doc VALUES ('one', 'of one'), ('two', 'of two');
	ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
	CREATE POLICY tenant ON doc USING (tenant = current_setting('app.tenant'));
	CREATE VIEW docs AS SELECT * FROM doc;
	ALTER VIEW docs OWNER TO app;
	GRANT SELECT ON doc, item TO app;
	CREATE FUNCTION read_doc() RETURNS text LANGUAGE plpgsql AS
	$$ BEGIN RETURN (SELECT string_agg(body, ',') FROM doc); END $$;
});

foreach my $read (
	[ 'a table', 'SELECT body FROM doc' ],
	[ 'a view', 'SELECT body FROM docs' ],
	[ 'a function', 'SELECT read_doc() AS body' ])
{
	begin_case("row security: $read->[0]");
	my $query = "SELECT cache_fetch('doc', \$\$$read->[1]\$\$)";
	hold($control, 'flight-before-landing');
	my @sessions = (
		start_session($node, $query, user => 'app', conf => { 'app.tenant' => 'one' }));
	await_held('flight-before-landing');
	push @sessions,
	  start_session($node, $query, user => 'app', conf => { 'app.tenant' => $_ })
	  foreach 'two', 'one';
	# They know already that this is not to be shared: both load by themselves.
	my @known = finish_all(@sessions[ 1, 2 ]);
	is(answer($known[0]), '[{"body":"of two"}]', "$case: its own rows");
	is(answer($known[1]), '[{"body":"of one"}]', "$case: its own rows");
	let_go($control, 'flight-before-landing');
	is(answer(finish_session($sessions[0])),
		'[{"body":"of one"}]', "$case: the leader's rows");
	is(stats('loads', 'flight_handovers', 'fills', 'l1_hits'),
		'3|0|0|0', "$case: nothing is shared");

	# Cold again, with waiters that cannot know.
	$node->safe_psql('postgres', 'SELECT cache_flush()');
	hold($control, 'load-after-query');
	@sessions = (
		start_session($node, $query, user => 'app', conf => { 'app.tenant' => 'one' }));
	await_held('load-after-query');
	push @sessions,
	  start_session($node, $query, user => 'app', conf => { 'app.tenant' => $_ })
	  foreach 'two', 'one', 'two';
	await_waiters(3);
	let_go($control, 'load-after-query');
	is(join(' ', map { answer($_) } finish_all(@sessions)),
		'[{"body":"of one"}] [{"body":"of two"}] [{"body":"of one"}] [{"body":"of two"}]',
		"$case: each gets its own rows");
	is(stats('loads', 'flight_handovers', 'fills', 'l1_hits'),
		'7|0|0|0', "$case: nothing is handed over");
	end_case();
}

begin_case('a result that cannot be shared');
{
	# The query takes a transaction id. Then all load, and not one by one.
	my $sql = "SELECT cache_fetch('k', 'SELECT gate(1), txid_current()')";
	my @sessions = begin_flight($sql, 5);
	hold($control, 'flight-before-landing');
	open_gate(1);
	await_held('flight-before-landing');
	hold($control, 'load-after-query');
	let_go($control, 'flight-before-landing');
	await_held('load-after-query', 5);
	pass("$case: all load at once");
	let_go($control, 'load-after-query');
	my @results = finish_all(@sessions);
	my %seen = map { answer($_) => 1 } @results;
	is(status_list(@results), '0 0 0 0 0 0', "$case: all answer");
	is(scalar(keys %seen), 6, "$case: each by itself");
	is(stats('loads', 'fills', 'flight_handovers'), '6|0|0', "$case: nothing is kept");
}
end_case();

begin_case('REVOKE while a leader loads');
{
	hold($control, 'load-after-query');
	my $leader = start_session($node, $item, user => 'app');
	await_held('load-after-query');
	$node->safe_psql('postgres', 'REVOKE SELECT ON item FROM app');
	my $later = start_session($node, $item, user => 'app');
	await_waiters(1);
	let_go($control, 'load-after-query');
	is(finish_session($leader)->{status}, 0, "$case: the leader began before it");
	like(finish_session($later)->{stderr},
		qr/permission denied for table item/, "$case: the waiter may not read");
}
end_case();

begin_case('other roles have other flights');
{
	my @sessions = begin_flight($gated, 0);
	$node->safe_psql('postgres', 'GRANT SELECT ON culprit TO app');
	push @sessions, start_session($node, $gated, user => 'app');
	await($node, 'SELECT count(*), sum(waiters) FROM cache_inflight', '2|0');
	open_gate(1);
	my @results = finish_all(@sessions);
	is(status_list(@results), '0 0', "$case: both answer");
	isnt(answer($results[0]), answer($results[1]), "$case: two loads");
}

end_server();
done_testing();
