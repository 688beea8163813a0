# The files of monitoring/ by themselves: neither an alert nor a panel of the dashboard asks for
# anything that the queries do not give, the alerts fire when they should, and Grafana can
# import the dashboard.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfMonitoring;

my $root = "$FindBin::RealBin/../..";

# ---- names ----

is(collisions(), '', 'no two panels are at the same place, or have the same number');
cmp_ok(scalar keys %alerts, '>', 20, 'there are alerts');
cmp_ok(scalar keys %panels, '>', 60, 'and panels');
is(unknown($alerts{$_}), '', "alert $_ asks for nothing that is not there") foreach sort keys %alerts;
is(unknown($panels{$_}), '', "panel $_ asks for nothing that is not there") foreach sort keys %panels;
isnt(unknown({ expr => 'rate(cachefront_fetches_total{cache="c"}[5m])', texts => '' }), '', 'that check finds a label');
isnt(unknown({ expr => 'cachefront_hits_total', texts => '' }), '', 'that check finds a metric');
is( join(' ', grep { my $r = $alerts{$_}->{rule};
		!($r->{labels}->{severity} =~ /^(critical|warning|info)$/ && $r->{annotations}->{summary} && $r->{annotations}->{action}) } sort keys %alerts),
	'', 'each alert has a severity, a summary and an action');

# ---- the dashboard, as Grafana imports it ----

my %variable = map { ($_->{name} => $_) } @{ $dashboard->{templating}->{list} };
my @targets = map { my $panel = $_; map { [ $panel, $_ ] } @{ $panel->{targets} // [] } } @{ $dashboard->{panels} };

cmp_ok($dashboard->{schemaVersion}, '>=', 36, 'data sources are objects, as of version 9');
like($dashboard->{uid}, qr/^[\w-]{1,40}$/, 'it has a uid, so that a second import replaces it');
is($dashboard->{id}, undef, 'and no id, which would be of the server that it comes from');
is($variable{datasource}->{type} . ' ' . $variable{datasource}->{query}, 'datasource prometheus',
	'who imports it chooses his Prometheus');
is( join(' ', map { "$_->{title}" } grep { $_->{type} ne 'row' && !is_of_variable($_->{datasource}) } @{ $dashboard->{panels} }),
	'', 'each panel asks that one');
is( join(' ', map { "$_->[0]->{title}/$_->[1]->{refId}" } grep { exists $_->[1]->{datasource} && !is_of_variable($_->[1]->{datasource}) } @targets),
	'', 'and so does each of its queries');
is( join(' ', map { $_->{name} } grep { $_->{type} eq 'query' && !is_of_variable($_->{datasource}) } values %variable),
	'', 'and each list to choose from');
is( join(' ', grep { !$variable{$_} } map { $_->[1]->{expr} =~ /\$(?!__)\{?(\w+)/g } @targets),
	'', 'queries name no variable that is not there');

sub is_of_variable
{
	my ($datasource) = @_;

	return ref $datasource eq 'HASH' && $datasource->{type} eq 'prometheus' &&
	  $datasource->{uid} =~ /^\$\{?datasource\}?$/;
}

# ---- Prometheus' own opinion ----

SKIP:
{
	skip 'promtool (package prometheus) is not installed', 3 if !defined program('promtool');
	my $tests = "$root/test/monitoring/alerts_test.yml";

	is(complaint('check', 'rules', "$root/monitoring/cachefront_alerts.yml"), '', 'the alerts are valid');
	is(complaint('test', 'rules', $tests), '', 'each fires when it should, and only then');
	is(join(' ', grep { slurp_file($tests) !~ /alertname="$_"/ } sort keys %alerts), '', 'each has a test');
}

done_testing();
