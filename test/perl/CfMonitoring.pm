# The files of monitoring/, and the programs that read them: prometheus-postgres-exporter and
# promtool. They are looked for in the folder that test/run.sh unpacks them to (CF_TOOLS), then
# where packages install them.

package CfMonitoring;

use strict;
use warnings;

use CPAN::Meta::YAML;
use Exporter 'import';
use FindBin;
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

our @EXPORT = qw(program collisions complaint panels_test scrape scraped start_exporter
  stop_exporter unknown $dashboard $queries %alerts %defined %panels %type);

my $root = "$FindBin::RealBin/../..";

# ---- the files ----

# The path of one; undef: it is not here.
sub program
{
	my ($name) = @_;
	my ($path) = grep { -x $_ } map { "$_/$name" } ($ENV{CF_TOOLS} // '/none') . '/usr/bin', '/usr/bin';

	return $path;
}

sub yaml
{
	my ($name) = @_;

	return CPAN::Meta::YAML->read("$root/monitoring/$name")->[0];
}

our $queries = yaml('cachefront_queries.yml');
our %defined;	# metric => { type, labels }

foreach my $namespace (sort keys %$queries)
{
	my %usage = map { my ($column) = keys %$_; ($column => $_->{$column}->{usage}) }
	  @{ $queries->{$namespace}->{metrics} };
	my %labels = map { ($_ => 1) } grep { $usage{$_} eq 'LABEL' } keys %usage;

	$defined{"${namespace}_$_"} = { type => lc $usage{$_}, labels => \%labels }
	  foreach grep { $usage{$_} =~ /^(COUNTER|GAUGE)$/ } keys %usage;
	foreach my $histogram (map { "${namespace}_$_" } grep { $usage{$_} eq 'HISTOGRAM' } keys %usage)
	{
		$defined{"${histogram}_$_"} = { type => 'counter', labels => \%labels } foreach 'sum', 'count';
		$defined{"${histogram}_bucket"} = { type => 'counter', labels => { %labels, le => 1 } };
	}
}

# alert => { expr, texts: what else may name a label }
our %alerts;

foreach my $rule (map { @{ $_->{rules} } } @{ yaml('cachefront_alerts.yml')->{groups} })
{
	$alerts{ $rule->{alert} } = {
		expr => $rule->{expr},
		rule => $rule,
		texts => join(' ', values %{ $rule->{annotations} }) };
}

# "panel/target" => the same
our $dashboard = decode_json(slurp_file("$root/monitoring/cachefront_dashboard.json"));
our %panels;

foreach my $panel (@{ $dashboard->{panels} })
{
	$panels{"$panel->{title}/$_->{refId}"} = { expr => $_->{expr}, texts => $_->{legendFormat} }
	  foreach @{ $panel->{targets} // [] };
}

# What an expression asks for that the exporter does not give: metrics, or labels.
sub unknown
{
	my ($asks) = @_;
	my ($expr, $texts) = @$asks{qw(expr texts)};
	my %known = map { ($_ => 1) } qw(job instance server);
	my @unknown;

	foreach my $name ($expr =~ /\b(cachefront_\w+)/g)
	{
		push @unknown, $name if !$defined{$name};
		$known{$_} = 1 foreach map { keys %{ $_->{labels} } } $defined{$name} // ();
	}
	while ($expr =~ /\b(cachefront_\w+)\{([^}]*)\}/g)
	{
		my ($name, $inside) = ($1, $2);

		push @unknown, "$name\{$_}"
		  foreach grep { $defined{$name} && !/^(?:job|instance|server)$/ && !$defined{$name}->{labels}->{$_} }
		  $inside =~ /(\w+)\s*(?:=|!)/g;
	}
	foreach my $list ($expr =~ /\b(?:by|on|without|ignoring|group_left|group_right) *\(([^)]*)\)/g)
	{
		push @unknown, grep { !$known{$_} } split /[ ,]+/, $list;
	}
	push @unknown, grep { !$known{$_} } $texts =~ /\$labels\.(\w+)/g, $texts =~ /\{\{(\w+)\}\}/g;
	# A rate is of a counter, and all of a counter that one asks for is its rate.
	push @unknown, "rate of $_" foreach grep { $defined{$_} && $defined{$_}->{type} ne 'counter' }
	  $expr =~ /\b(?:rate|increase)\((cachefront_\w+)/g;
	return join ' ', @unknown;
}

# Places of the dashboard, of 24 columns, that two panels share; and numbers of panels.
sub collisions
{
	my (%taken, @shared);

	foreach my $panel (@{ $dashboard->{panels} })
	{
		my $at = $panel->{gridPos};

		foreach my $x ($at->{x} .. $at->{x} + $at->{w} - 1)
		{
			push @shared, map { "$panel->{title} $x/$_" } grep { $x > 23 || $taken{"$x/$_"}++ } $at->{y} .. $at->{y} + $at->{h} - 1;
		}
		push @shared, "$panel->{title} $panel->{id}" if $taken{"id $panel->{id}"}++;
	}
	return join ' ', @shared;
}

# ---- the exporter ----

my $port;
my $log = '';
my $exporter;

sub start_exporter
{
	my ($data_source, @more) = @_;

	$port //= PostgreSQL::Test::Cluster::get_free_port();
	local $ENV{DATA_SOURCE_NAME} = $data_source;
	$log = '';
	$exporter = IPC::Run::start([ program('prometheus-postgres-exporter'), "--web.listen-address=127.0.0.1:$port", @more ],
		'<', \'', '>&', \$log);
	return;
}

# What it has logged.
sub stop_exporter
{
	$exporter->signal('TERM');
	$exporter->finish;
	undef $exporter;
	return $log;
}

END
{
	local $?;
	$exporter->kill_kill if defined $exporter;
}

our %type;
my $text = '';

# One scrape: "metric{labels}" => value, labels in order and without the server's.
sub scrape
{
	my %value;
	my $answer;

	await_that('for the exporter', sub {
		die "the exporter has ended: $log" if !$exporter->pumpable;
		$exporter->pump_nb;
		# No proxy is to be asked for it, whatever the environment says.
		$answer = HTTP::Tiny->new(proxy => undef, http_proxy => undef,
			timeout => $PostgreSQL::Test::Utils::timeout_default)->get("http://127.0.0.1:$port/metrics");
		return $answer->{status} != 599;
	});
	is($answer->{status}, 200, 'a scrape succeeds') or diag($answer->{content});
	$exporter->pump_nb;
	$text = $answer->{content};
	%type = $text =~ /^# TYPE (\S+) (\S+)$/mg;
	foreach my $line (split /\n/, $text)
	{
		next if $line !~ /^((?:cachefront|pg_up|pg_exporter)\w*)(?:\{(.*)\})? (\S+)$/;
		my ($name, $value) = ($1, $3);
		my %label = ($2 // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;

		delete @label{qw(server filename hashsum)};
		s/\\(["\\])/$1/g foreach values %label;
		# 0.000512 and 5.12e-04 are the same.
		$label{le} = sprintf '%.10g', $label{le} if ($label{le} // '+Inf') ne '+Inf';
		$value{ $name . (%label ? '{' . join(',', map { "$_=$label{$_}" } sort keys %label) . '}' : '') } = $value;
	}
	return %value;
}

# The text of the last one.
sub scraped
{
	return $text;
}

# ---- Prometheus' own opinion ----

# Runs promtool; what it says, if it fails.
sub complaint
{
	my (@arguments) = @_;
	my $output = '';

	IPC::Run::run([ program('promtool'), @arguments ], '<', \'', '>&', \$output);
	return $? == 0 ? '' : $output;
}

sub as_panel
{
	my ($expr) = @_;

	return $expr =~ s/\$__rate_interval/5m/gr =~ s/\$(?:job|instance|datname|cache)\b/.*/gr;
}

# Each panel over the series of a scrape, as they would be with a minute between two.
sub panels_test
{
	my ($text) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/panels.yml";
	my @lines = ('rule_files: []', 'evaluation_interval: 1m', 'tests:', '- interval: 1m', '  input_series:');

	foreach my $line (grep { /^cachefront/ } split /\n/, $text)
	{
		my ($name, $labels) = $line =~ /^(\w+)\{(.*)\} /;

		push @lines, '  - ' . encode_json({
			series => qq($name\{job="j",instance="i",$labels}),
			values => $defined{$name}->{type} eq 'counter' ? '1+1x20' : '1x20' });
	}
	push @lines, '  promql_expr_test:';
	push @lines, '  - ' . encode_json({
		expr => 'count(' . as_panel($panels{$_}->{expr}) . ') > bool 0',
		eval_time => '15m',
		exp_samples => [ { labels => '{}', value => 1 } ] }) foreach sort keys %panels;
	append_to_file($file, join("\n", @lines) . "\n");
	return complaint('test', 'rules', $file);
}

1;
