# On a standby a load that conflicts with what is replayed fails as its query
# would: with an error, not with the end of the connection.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

my $primary = CfTest->node('primary', wal_level => 'replica', max_wal_senders => 5,
	autovacuum => 'off', 'cachefront.track_changes' => 'on', 'cachefront.ttl_jitter' => 0, 'cachefront.xfetch_beta' => 1000,
	hot_standby_feedback => 'off', max_standby_streaming_delay => 0);

$primary->safe_psql('postgres', q{
	CREATE TABLE item (v int);
	INSERT INTO item SELECT generate_series(1, 10);
	SELECT cache_define('loader', query => 'SELECT sum(v) AS v FROM item WHERE v <> $1', arg_types => '{int}', scope => 'shared')});
debug($primary);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# A load takes a second or more, so that a value is loaded anew at any time: of 200
# reads one does so for certain.
my $query = 'SELECT sum(v) AS v, pg_sleep(1) IS NULL AS s FROM item';
my %reads = (
	'a load' => "SELECT cache_fetch_row('new', '$query');",
	'an early refresh' => "SELECT cache_fetch_row('old', '$query');" x 200,
	'a self-check' => q{SET cachefront.verify_rate = 1; SELECT cache_fetch_row('sum', 'SELECT sum(v) FROM item');},
	'a read that warms' => q{SELECT * FROM cache_warm('loader', 'SELECT -1');});

like($standby->safe_psql('postgres', "SELECT cache_fetch_row('old', '$query')"), qr/"v":55/, 'filled');

foreach my $title (sort keys %reads)
{
	my $control = open_session($standby);

	$primary->wait_for_catchup($standby);
	$standby->safe_psql('postgres', "SELECT cache_fetch_row('old', '$query'), cache_fetch_row('sum', 'SELECT sum(v) FROM item')");
	is($standby->safe_psql('postgres', q{SELECT state FROM cache_entries WHERE key = 'old'}), 'fresh', 'there is a value');

	# Held with its snapshot, which VACUUM takes the rows of away.
	$control->query_safe(q{SELECT cf_debug_waitpoint_enable('load-after-snapshot')});
	my $session = start_session($standby,
		"\\set VERBOSITY verbose\n$reads{$title};\n");
	ok(wait_until($standby, q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}, '1'),
		"$title is held");
	$primary->safe_psql('postgres', 'UPDATE item SET v = v + 1');
	$primary->safe_psql('postgres', 'VACUUM item');
	my $end = finish_session($session);
	# The first word of the server. (It goes on to signal until the transaction is gone, every
	# five milliseconds: one that comes as the session waits for its next command ends that.)
	like($end->{stderr}, qr/\A(?:(?!FATAL).)*ERROR:  40001: canceling statement due to conflict with recovery/s,
		"$title fails as its query would, and not with the connection");
	$control->quit;
}
$standby->stop;
done_testing();
