# What docs/operations.md says of load balancers, with the real ones: HAProxy sends nobody to a
# server that is not ready, then a tenth, a half, all; and the command of the probe.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IO::Socket::INET;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest;
use CfTier;

my ($haproxy) = grep { -x $_ } map { "$_/haproxy" } split(/:/, $ENV{PATH}), '/usr/sbin';

plan skip_all => 'haproxy is not here' unless $haproxy;

my $docs = slurp_file("$FindBin::RealBin/../../docs/operations.md");
my ($agent) = $docs =~ /^```sh\n(#!\/bin\/sh\n# \S+cachefront-agent\n.*?)^```$/ms or die;
my ($backend) = $docs =~ /^```haproxy\n(.*?)^```$/ms or die;
my ($probe) = $docs =~ /"sh", "-c", "(test .*)"\]$/m or die;

$probe =~ s/\\"/"/g;
$backend =~ s/^\s*server .*\n//mg;

my $redis = CfRedis->new('main');
my %conf = ('cachefront.hot_keys' => 100, 'cachefront.warm_timeout' => '1h');
my @nodes = map { CfTier->primary($_, $redis, %conf) } 'one', 'two';
my @pids;
my $dir = PostgreSQL::Test::Utils::tempdir_short();

# Of another role than the tests' own, which pg_hba.conf lets in.
$_->safe_psql('postgres', 'CREATE ROLE haproxy LOGIN') foreach @nodes;

# ---- the agents ----

sub put_agent
{
	my ($name, $first, $second) = @_;
	my $text = $agent;

	$text =~ s/'10 s'/'$first'/ or die;
	$text =~ s/'30 s'/'$second'/ or die;
	open my $out, '>', "$dir/$name.new" or die;
	print $out $text;
	close $out;
	chmod 0755, "$dir/$name.new";
	rename "$dir/$name.new", "$dir/$name" or die;
	return;
}

# Listens, and answers each connection with what the script prints.
sub start_agent
{
	my ($node) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 20) or die;
	my $pid = fork();

	die unless defined $pid;
	if ($pid)
	{
		push @pids, $pid;
		return $socket->sockport;
	}
	local %ENV = $node->_get_env();
	while (1)
	{
		my $client = $socket->accept or next;

		print $client scalar `"$dir/@{[$node->name]}"`;
		close $client;
	}
}

put_agent($_, '0 s', '0 s') foreach 'one', 'two';
my @ports = map { start_agent($_) } @nodes;

# ---- HAProxy ----

my $front = $nodes[0]->port;
my $config = "global\n\tstats socket $dir/stats level admin\n"
  . "defaults\n\ttimeout connect 5s\n\ttimeout client 5min\n\ttimeout server 5min\n"
  . "frontend front\n\tmode tcp\n\tbind unix\@$dir/.s.PGSQL.$front\n\tdefault_backend readers\n"
  . $backend
  . join('', map { my $n = $nodes[$_]; "\tserver " . $n->name . " unix\@" . $n->host . "/.s.PGSQL." . $n->port
		  . " check agent-addr 127.0.0.1 agent-port $ports[$_]\n" } 0, 1);

PostgreSQL::Test::Utils::append_to_file("$dir/haproxy.cfg", $config);
{
	my $pid = fork();

	die unless defined $pid;
	if (!$pid)
	{
		open STDOUT, '>', "$dir/haproxy.log";
		open STDERR, '>&', \*STDOUT;
		exec $haproxy, '-db', '-f', "$dir/haproxy.cfg" or POSIX::_exit(127);
	}
	push @pids, $pid;
}

END
{
	my $status = $?;

	kill 'TERM', @pids if @pids;
	$? = $status;
}

sub stats
{
	my $socket = IO::Socket::UNIX->new(Peer => "$dir/stats") or return {};
	my (%server, @names);

	print $socket "show stat\n";
	while (my $line = <$socket>)
	{
		chomp $line;
		my @fields = split /,/, $line;

		@names = @fields if $line =~ s/^# //;
		next if $line =~ /^#/ || !@names || $fields[0] ne 'readers';
		my %row;

		@row{ map { s/^# //r } @names } = @fields;
		$server{ $fields[1] } = \%row;
	}
	return \%server;
}

sub await_server
{
	my ($name, $status, $weight) = @_;

	await_that("$name to be $status", sub {
		my $row = stats()->{$name} or return 0;

		return $row->{status} =~ /^$status/ && (!defined $weight || $row->{weight} == $weight);
	});
	return;
}

# So many connections: how many each server gets.
sub shares
{
	my ($n) = @_;
	my %share = map { $_->port => 0 } @nodes;

	foreach (1 .. $n)
	{
		my ($out) = run_command([ 'psql', '-XAtq', '-h', $dir, '-p', $front, '-d', 'postgres',
				'-c', q{SELECT current_setting('port')} ]);
		$share{$out}++;
	}
	return map { $share{ $_->port } } @nodes;
}

sub probe
{
	my ($node) = @_;
	local %ENV = $node->_get_env();

	local $ENV{PGUSER};
	return system('sh', '-c', $probe =~ s/ -U postgres//r) == 0;
}

await($_, 'SELECT cache_ready()') foreach @nodes;
await_server($_, 'UP', 100) foreach 'one', 'two';
my @share = shares(20);
is("@share", '10 10', 'all is warm: both get as much');
ok(probe($nodes[0]), 'the probe says ready');

# ---- one begins anew ----

put_agent('one', '1 h', '2 h');
$nodes[0]->stop;
await_server('one', 'DOWN');
ok(!probe($nodes[0]), 'the probe says that a server that is stopped is not ready');
$redis->pause;
$nodes[0]->start;
is($nodes[0]->safe_psql('postgres', 'SELECT cache_ready()'), 'f', 'it answers, and is not ready');
ok(!probe($nodes[0]), 'as the probe says');
await_that('for HAProxy to have looked', sub {
	my $row = stats()->{one};

	return $row->{check_status} eq 'L7OK' && $row->{agent_status} eq 'L7STS';
});
@share = shares(20);
is("@share", '0 20', 'it gets nobody');
like(stats()->{one}->{status}, qr/^DOWN/, 'though its health check is good');
$redis->resume;
await($nodes[0], 'SELECT cache_ready()');
ok(probe($nodes[0]), 'then it is ready');
await_server('one', 'UP', 10);
@share = shares(110);
ok($share[0] >= 8 && $share[0] <= 12, "first it gets a tenth of what the other gets (@share)");
put_agent('one', '0 s', '2 h');
await_server('one', 'UP', 50);
@share = shares(60);
ok($share[0] >= 18 && $share[0] <= 22, "then a half (@share)");
put_agent('one', '0 s', '0 s');
await_server('one', 'UP', 100);
@share = shares(20);
is("@share", '10 10', 'then as much');

$_->stop foreach @nodes;
done_testing();
