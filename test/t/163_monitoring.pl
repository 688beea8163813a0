# Metrics, by the real exporter: what it gives is what the views say, and each column of a view
# is in it or left out on purpose; each panel of the dashboard shows something of it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use CfMonitoring;
use CfRedis;
use CfTest;

my $root = "$FindBin::RealBin/../..";

plan skip_all => 'prometheus-postgres-exporter is neither installed nor could be fetched'
  if !defined program('prometheus-postgres-exporter');

# What no metric is made of: names and texts, and what can be seen from others.
my %left_out = (
	cache_status => [qw(version l2 l2_obstacle breaker breaker_since breaker_retry redis_error
		  redis_error_at definitions)],
	cache_stats => ['cache'],
	cache_summary => [qw(database cache hit_ratio)],
	cache_latency => [qw(operation samples p50_us p95_us p99_us)],
	cache_latency_buckets => ['operation'],
	cache_outbox_status => ['oldest'],
	cache_rules => [qw(rel rule kind key tags rows columns cache arg_columns)]);

# ---- a server with something of everything ----

my $redis = CfRedis->new('main');
my $node = CfTest->node(
	'main',
	'cachefront.redis_url' => $redis->url('unix'),
	'cachefront.redis_command_timeout' => '15s',
	'cachefront.redis_connect_timeout' => '15s',
	'cachefront.flight_timeout' => '10min',
	'cachefront.verify_rate' => '0.5',
	'cachefront.track_changes' => 'on',
	'cachefront.l1_max_value' => '64kB');

# Not only in the database that the exporter connects to.
sub query
{
	my ($sql, $database) = @_;

	return $node->safe_psql($database // 'shop', $sql);
}

my @databases = qw(shop billing crm);
my $odd = qq{gr\xc3\xb6\xc3\x9fe "x" \\y};

foreach my $database (@databases, 'gone1', 'gone2', $odd)
{
	$node->safe_psql('postgres', 'CREATE DATABASE "' . $database =~ s/"/""/gr . '"');
}
foreach my $database (@databases, 'gone1', 'gone2')
{
	query('CREATE EXTENSION cachefront', $database);
	query(q{SELECT cache_define('item', scope => 'shared')}, $database);
}
await_that('for Redis to be in use', sub { query('SELECT l2 FROM cache_status') eq 'up' });

query(q{CREATE TABLE item (id int PRIMARY KEY, v int, w int);
	INSERT INTO item SELECT i, i, i FROM generate_series(1, 100) i;
	CREATE TABLE other (id int PRIMARY KEY, v int);
	CREATE SCHEMA s; CREATE TABLE s.item (id int PRIMARY KEY);
	SELECT cache_attach('item', key => 'item:{id}'), cache_attach('s.item', key => 'sitem:{id}');
	SELECT cache_attach('other', key => 'other:{v}')});
query('ALTER TABLE other DROP COLUMN v');
query('ALTER TABLE s.item DISABLE TRIGGER USER');
# What is found in Redis after a restart.
my $five = q{SELECT cache_fetch('item:' || i, 'SELECT v FROM item WHERE id = $1', (i)) FROM generate_series(1, 5) i};
await_that('for values in Redis', sub {
	query('SELECT cache_flush()');
	query($five);
	return query(q{SELECT l2_fills > 0 FROM cache_stats WHERE cache = '*'}) eq 't';
});
$node->restart;
await_that('for Redis to be in use', sub { query('SELECT l2 FROM cache_status') eq 'up' });
query($five);
query(q{SELECT cache_fetch('item:1', 'SELECT 1')}, $_) foreach 'gone1', 'gone2';
# Two caches of one name, of databases that nobody knows any more.
$node->safe_psql('postgres', "DROP DATABASE $_ (FORCE)") foreach 'gone1', 'gone2';
query(q{SELECT cache_fetch('item:' || i % 20, 'SELECT v FROM item WHERE id = $1', (i % 20))
	FROM generate_series(1, 2000) i});
query(q{SELECT cache_fetch('item:none', 'SELECT v FROM item WHERE id = -1') FROM generate_series(1, 3)});
query(q{SELECT cache_fetch('big', 'SELECT repeat(''x'', 100000)'), cache_set('k', '1'), cache_invalidate_tag('t')});
query(q{SELECT cache_get('k'), cache_get('nothing')});
query(q{UPDATE item SET v = v + 1 WHERE id < 5});
query(q{BEGIN; UPDATE item SET v = v + 1 WHERE id = 6;
	SELECT cache_fetch('item:6', 'SELECT v FROM item WHERE id = $1', (6)); COMMIT});
$node->psql('shop', q{SELECT cache_fetch('item:bad', 'SELECT 1 / (v - v) FROM item WHERE id = 1')});
query(q{SELECT cache_fetch('item:1', 'SELECT 2')}, 'crm');

# A load that lasts, and who waits for it: one that is over, one that is not.
my $control = open_session($node, 'shop');

sub slow_load
{
	my ($key) = @_;
	my @sessions = map { start_session($node,
			"SELECT cache_fetch('$key', 'SELECT pg_advisory_lock_shared(1)::text')", database => 'shop') } 1, 2;

	await($node, 'SELECT flights = 1 AND waiters = 1 FROM cache_status');
	return @sessions;
}

$control->query_safe('SELECT pg_advisory_lock(1)');
my @slow = slow_load('slow:1');
$control->query_safe('SELECT pg_advisory_unlock(1)');
finish_session($_) foreach @slow;
$control->query_safe('SELECT pg_advisory_lock(1)');
@slow = slow_load('slow:2');

# ---- the exporter ----

my %snippets = slurp_file("$root/docs/monitoring.md") =~ /^<!-- snippet: (\S+) -->\n```\w+\n(.*?)^```$/msg;
my ($arguments) = $snippets{'exporter.default'} =~ /^ARGS='(.*)'$/m;
my ($source) = $snippets{'exporter.default'} =~ /^DATA_SOURCE_NAME='(.*)'$/m;

$node->safe_psql('postgres', $snippets{'role.sql'});
$arguments =~ s{/etc/prometheus}{$root/monitoring} or die 'no file in ARGS';
$source =~ s{host=\S+}{'host=' . $node->host . ' port=' . $node->port}e or die 'no host in DATA_SOURCE_NAME';

# The metrics that the exporter has by itself ask for columns that 17 has no more.
$arguments .= ' --disable-default-metrics --no-collector.stat_bgwriter'
  if $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000;

# What a view says, row by row, as the exporter's role.
sub rows
{
	my ($sql, $database) = @_;
	my $json = $node->safe_psql($database // 'shop', "SELECT row_to_json(q) FROM ($sql) q",
		extra_params => [ '-U', 'prometheus' ]);

	return map { decode_json($_) } split /\n/, $json;
}

sub number
{
	my ($value) = @_;

	return ref $value ? $value + 0 : $value;
}

# "metric{labels}" => value of all that the views say, by the rule of docs/monitoring.md and
# not by the queries.
sub expected
{
	my %want;
	my ($status) = rows('SELECT s.*, extract(epoch FROM stats_reset) AS reset_at FROM cache_status s');
	my ($stats) = rows(q{SELECT * FROM cache_stats WHERE cache = '*'});
	my %suffix = ((map { ($_ => '_bytes') } qw(l1_size l1_max_value redis_queue wal_unread)),
		(map { ($_ => '_total') } qw(l1_evictions redis_calls redis_failures redis_timeouts
			  redis_oom_replies breaker_opens redis_refusals)));

	$want{"cachefront_${_}_total"} = $stats->{$_} foreach grep { $_ ne 'cache' } keys %$stats;
	$want{"cachefront_version_info{version=$status->{version}}"} = 1;
	$want{"cachefront_breaker_state{breaker=$_}"} = $status->{breaker} eq $_ ? 1 : 0
	  foreach 'closed', 'open', 'half-open', 'partly open';
	$want{cachefront_status_stats_reset_seconds} = $status->{reset_at};
	$want{cachefront_status_redis_queue_size_bytes} = 4 * 1024 * 1024;
	foreach my $column (keys %$status)
	{
		next if grep { $_ eq $column } @{ $left_out{cache_status} }, 'stats_reset', 'reset_at';
		$want{ "cachefront_status_$column" . ($suffix{$column} // '') } =
			$column eq 'worker_obstacle' ? (defined $status->{$column} ? 1 : 0)
		  : number($status->{$column} // 0);
	}
	foreach my $row (rows('SELECT * FROM cache_summary'))
	{
		my $labels = sprintf '{cache=%s,datname=%s}', $row->{cache}, $row->{database} // '';

		$want{"cachefront_overview_${_}$labels"} += $row->{$_} foreach qw(entries bytes);
		$want{"cachefront_overview_${_}_total$labels"} += $row->{$_} foreach qw(lookups hits evictions);
	}
	foreach my $row (rows('SELECT * FROM cache_latency'))
	{
		my $operation = $row->{operation};

		$want{"cachefront_operation_max_seconds{operation=$operation}"} =
		  defined $row->{max_us} ? $row->{max_us} / 1e6 : 'NaN';
		$want{"cachefront_latency_seconds_count{operation=$operation}"} = $row->{samples};
	}
	foreach my $row (rows(q{SELECT operation, nullif(below_us, 'Infinity') AS below_us, samples, total_us
			FROM cache_latency_buckets}))
	{
		my $operation = $row->{operation};
		my $le = defined $row->{below_us} ? sprintf '%.10g', $row->{below_us} / 1e6 : '+Inf';

		$want{"cachefront_latency_seconds_bucket{le=$le,operation=$operation}"} = $row->{samples};
		$want{"cachefront_latency_seconds_sum{operation=$operation}"} = $row->{total_us} / 1e6 if $le eq '+Inf';
	}
	expected_of_database($_, \%want) foreach @databases;
	return %want;
}

sub expected_of_database
{
	my ($database, $want) = @_;
	my ($status) = rows('SELECT * FROM cache_status', $database);
	my ($outbox) = rows('SELECT rows, keys FROM cache_outbox_status', $database);

	$want->{"cachefront_redis_state{datname=$database,l2=$_}"} = $status->{l2} eq $_ ? 1 : 0
	  foreach qw(off up down waiting);
	$want->{"cachefront_database_definitions{datname=$database}"} = $status->{definitions};
	$want->{"cachefront_database_l2_obstacle{datname=$database}"} = defined $status->{l2_obstacle} ? 1 : 0;
	$want->{"cachefront_database_outbox_${_}{datname=$database}"} = $outbox->{$_} foreach qw(rows keys);
	foreach my $row (rows(q{SELECT * FROM cache_stats WHERE cache NOT IN ('*', '(default)')}, $database))
	{
		my $labels = "{cache=$row->{cache},datname=$database}";
		my $bypasses = 0;

		$bypasses += $row->{$_} foreach grep { /^bypass_/ } keys %$row;
		$want->{"cachefront_cache_bypasses_total$labels"} = $bypasses;
		foreach my $column (keys %$row)
		{
			$want->{"cachefront_cache_${column}_total$labels"} = $row->{$column}
			  if $defined{"cachefront_cache_${column}_total"};
		}
	}
	foreach my $row (rows('SELECT * FROM cache_rules', $database))
	{
		my $labels = "{datname=$database,rel=$row->{rel},rule=$row->{rule}}";

		$want->{"cachefront_rule_missed_total$labels"} = $row->{missed};
		$want->{"cachefront_rule_problem$labels"} = defined $row->{problem} ? 1 : 0;
		$want->{"cachefront_rule_enabled$labels"} = $row->{enabled} =~ /^(always|origin)$/ ? 1 : 0;
	}
	return;
}

# Some things move by themselves: a value may be anything between two looks.
sub is_between
{
	my ($got, $before, $after) = @_;

	return 0 if !defined $got || !defined $after;
	return $got eq $before if $before eq 'NaN' || $got eq 'NaN';
	($before, $after) = ($after, $before) if $after < $before;
	my $slack = 1e-9 * (abs($after) + 1);
	return $got >= $before - $slack && $got <= $after + $slack;
}

# Ages are compared with the age that they can have; the rest with the views.
my $age = qr/^cachefront_(?:inflight_oldest_seconds|database_outbox_age_seconds)/;

sub compare_once
{
	my %before = expected();
	my %got = scrape();
	my %after = expected();
	my @wrong = map { sprintf '%s: exporter %s, view %s', $_, $got{$_} // 'nothing', $before{$_} }
	  grep { !is_between($got{$_}, $before{$_}, $after{$_}) } sort keys %before;

	push @wrong, map { "$_: not in a view" }
	  grep { /^cachefront/ && !/$age/ && !exists $before{$_} && !exists $after{$_} } sort keys %got;
	return (\%got, @wrong);
}

# What is wrong, is wrong each time; what went up and down meanwhile, is not.
sub compare
{
	my ($got, @wrong);

	foreach my $try (1 .. 5)
	{
		($got, @wrong) = compare_once();
		last if !@wrong;
	}
	is(join("\n", @wrong), '', 'each metric is what the view says');
	is($got->{pg_exporter_last_scrape_error}, 0, 'the exporter sees no error');
	return %$got;
}

start_exporter($source, split ' ', $arguments);

my %got = compare();
my $first = scraped();
note(sprintf '%d series, %.0f ms', scalar(grep { /^cachefront/ } keys %got),
	1000 * $got{pg_exporter_last_scrape_duration_seconds});

# By its table, for its name is a number.
sub rule
{
	my ($metric, $rel) = @_;
	my ($name) = grep { /^cachefront_rule_$metric\{datname=shop,rel=\Q$rel\E,/ } keys %got;

	return $got{$name};
}

is($got{'pg_exporter_user_queries_load_error'}, 0, 'the file is read');
cmp_ok($got{cachefront_fetches_total}, '>', 2000, 'fetches are counted');
cmp_ok($got{cachefront_l2_hits_total}, '>', 0, 'and hits in Redis');
is($got{'cachefront_redis_state{datname=crm,l2=up}'}, 1, 'Redis is up');
is($got{'cachefront_status_flights'}, 1, 'a flight');
cmp_ok($got{'cachefront_inflight_oldest_seconds'}, '>', 0, 'and its age');
is(rule('problem', 'other'), 1, 'a rule with a problem');
is(rule('problem', 'item') . rule('enabled', 'item'), '01', 'one without');
is(rule('enabled', 's.item'), 0, 'a rule that is disabled');
is($got{'cachefront_cache_load_errors_total{cache=item,datname=shop}'}, 1, 'a load that failed');
is($got{'cachefront_overview_lookups_total{cache=item,datname=}'}, 2, 'two caches of databases that are gone');
is($got{'cachefront_database_outbox_age_seconds{datname=shop}'}, 0, 'an empty outbox');

# ---- each metric, each column ----

my %seen = map { (/^(\w+)/ ? $1 : '' => 1) } keys %got;

is(join(' ', grep { !$seen{$_} } sort keys %defined), '', 'each metric of the file is given');
is(join(' ', grep { $type{$_} ne $defined{$_}->{type} } grep { $type{$_} } sort keys %defined), '', 'as it says');

foreach my $view (sort keys %left_out)
{
	my %out = map { ($_ => 1) } @{ $left_out{$view} };
	my @columns = split /\n/, query("SELECT attname FROM pg_attribute WHERE attrelid = '$view'::regclass AND attnum > 0");
	my $text = join ' ', map { $_->{query} } grep { $_->{query} =~ /\b$view\b/ } values %$queries;

	is(join(' ', grep { !$out{$_} && $text !~ /\b$_\b/ } @columns), '', "$view: each column is a metric, or left out on purpose");
}

# ---- who asks ----

is( query(q{SELECT DISTINCT usename FROM pg_stat_activity a
		WHERE usename <> current_user AND backend_type = 'client backend'}),
	'prometheus', 'the exporter connects as that role');
is( query(q{SELECT rolsuper, (SELECT string_agg(roleid::regrole::text, ' ') FROM pg_auth_members
		WHERE member = r.oid) FROM pg_roles r WHERE rolname = 'prometheus'}),
	'f|pg_monitor', 'who is a member of pg_monitor and nothing else');

# ---- an outage of Redis ----

$control->query_safe('SELECT pg_advisory_unlock(1)');
finish_session($_) foreach @slow;
$redis->kill;
query('SET cachefront.redis_commit = sync; UPDATE item SET v = 13 WHERE id = 7');
await($node, 'SELECT breaker_opens > 0 FROM cache_status');
%got = scrape();
is($got{pg_exporter_last_scrape_error}, 0, 'without Redis: no error');
is($got{'cachefront_redis_state{datname=shop,l2=up}'}, 0, 'without Redis: it is not up');
is($got{'cachefront_breaker_state{breaker=closed}'}, 0, 'without Redis: the breaker is not closed');
cmp_ok($got{'cachefront_status_redis_failures_total'}, '>', 0, 'without Redis: failures');
is($got{'cachefront_database_outbox_rows{datname=shop}'}, 1, 'without Redis: a row in the outbox');
cmp_ok($got{'cachefront_database_outbox_age_seconds{datname=shop}'}, '>', 0, 'without Redis: and its age');
is($got{'cachefront_database_outbox_rows{datname=crm}'}, 0, 'without Redis: none in another database');
$redis->start;
await($node, q{SELECT l2 FROM cache_status}, 'up');

# ---- the log, and whether an error would be in it ----

my $bad = qr/\berr=|level=error/i;

my $log = stop_exporter();
# Later versions miss a file of their own, which nobody needs.
is(join("\n", grep { /$bad/ && !/Error loading config/ } split /\n/, $log), '',
	'nothing failed, says the log of the exporter');

start_exporter($source =~ s/dbname=\S+/dbname=template1/r, split ' ', $arguments);
is({ scrape() }->{pg_exporter_last_scrape_error}, 1, 'a database without the extension is an error');
like(stop_exporter(), $bad, 'which the log tells');

# ---- Prometheus' own opinion ----

SKIP:
{
	skip 'promtool (package prometheus) is not installed', 2 if !defined program('promtool');
	my $metrics = join '', map { "$_\n" } grep { /^(# \w+ )?cachefront/ } split /\n/, $first;
	my $lint = '';

	is(panels_test($first), '', 'each panel shows something of what the exporter has given');
	IPC::Run::run([ program('promtool'), 'check', 'metrics' ], '<', \$metrics, '>&', \$lint);
	is($lint, '', 'names and types are as Prometheus likes them');
}

$control->quit;
$node->stop;
done_testing();
