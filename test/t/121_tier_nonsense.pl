# Redis answers, but not as it should: too late, half, with garbage or errors, to
# another password, as another server. As in 120_tier_outage.pl: no read and no
# commit fails, and nothing stale is read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use CfOutage;
use CfProxyRedis;
use CfRedis;
use CfTest;
use CfTier;

require_debug();

my $redis = CfRedis->new('main');
my $proxy = CfProxyRedis->new($redis);
my $node = CfTier->node('main', $redis,
	'cachefront.redis_url' => $proxy->url,
	'cachefront.redis_connect_timeout' => '3s',
	'cachefront.redis_command_timeout' => '3s',
	'cachefront.breaker_reset' => '100ms',
	'cachefront.breaker_failures' => 3);
my $ns = namespace($node);
my $probe = CfOutage->new($node);

sub recovered
{
	my ($title) = @_;

	$proxy->mode('pass');
	$probe->recovered($title);
	return;
}

$probe->write_and_read('all is well', 2);

# ---- late ----

$proxy->mode('slow', 0.1);
my $before = counters($node);
my $start = time();
$probe->write_and_read('slow', 3);
cmp_ok(time() - $start, '>', 0.6, 'slow: it is waited for');
is(since($node, $before, 'l2_deletes_lost')->{l2_deletes_lost}, 0, 'slow: and used');
is($probe->status('l2'), 'up', 'slow: and stays so');
recovered('slow');

$proxy->mode('slow', 4);
$probe->waits_once('too slow', sub { $probe->write_and_read('too slow', 3) });
$probe->out_of_use('too slow');
recovered('too slow');

# ---- spoiled ----

my %spoiled = (
	'closes in the middle' => ['cut'],
	'garbage' => ['garbage'],
	'LOADING' => [ 'say', '-LOADING Redis is loading the dataset in memory' ],
	'MOVED' => [ 'say', '-MOVED 3999 127.0.0.1:1' ],
	'NOAUTH' => [ 'say', '-NOAUTH Authentication required.' ],
	'READONLY' => [ 'say', q{-READONLY You can't write against a read only replica.} ],
	'MISCONF' => [ 'say', '-MISCONF Redis is configured to save RDB snapshots' ],
	'too many bytes' => [ 'say', '$9223372036854775807' ]);
# Replies that are right as such, and no answer to what was asked.
my %beside = (
	'only OK' => [ 'say', '+OK' ],
	'only nil' => [ 'say', '$-1' ],
	'only 1' => [ 'say', ':1' ],
	'only empty lists' => [ 'say', '*0' ],
	'lists of nothing' => [ 'say', "*3\r\n\$-1\r\n\$-1\r\n\$-1" ],
	'other errors' => [ 'say', '-ERR nothing of that kind' ]);

foreach my $title (sort keys %spoiled)
{
	foreach my $all ($title =~ /closes|garbage|LOADING/ ? (0, 1) : 0)
	{
		my $what = $all ? "$title, from the handshake on" : $title;

		$probe->reconnect;
		$probe->write_and_read("before $what", 1);
		$proxy->mode(@{ $spoiled{$title} }[0, 1], all => $all);
		$probe->waits_once($what, sub { $probe->write_and_read($what, 3) });
		$probe->out_of_use($what);
		recovered($what);
	}
}
foreach my $title (sort keys %beside)
{
	$probe->reconnect;
	$probe->write_and_read("before $title", 1);
	$proxy->mode(@{ $beside{$title} });
	$probe->write_and_read($title, 3);
	recovered($title);
}

# ---- another password ----

$redis->{cli_password} = 'new';
$redis->cli('CONFIG', 'SET', 'requirepass', 'new');
# Connections that are there stay good: a worker could deliver by one.
$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
delete $redis->{cli_password};
$probe->reconnect;
$probe->write_and_read('no password', 3);
$probe->out_of_use('no password');
like($probe->status('redis_error'), qr/NOAUTH/, 'no password: and why');
reconfigure($node, 'cachefront.redis_url' => $proxy->url =~ s,//,//:wrong@,r);
$probe->reconnect;
$probe->write_and_read('wrong password', 3);
$probe->out_of_use('wrong password');
like($probe->status('redis_error'), qr/WRONGPASS/, 'wrong password: and why');
unlike(slurp_file($node->logfile) =~ s/^.*(parameter|statement).*$//gmr, qr/:wrong@/, 'wrong password: not in the log');
reconfigure($node, 'cachefront.redis_url' => $proxy->url =~ s,//,//:new@,r);
recovered('the right password');
$redis->{cli_password} = 'new';
$redis->cli('CONFIG', 'SET', 'requirepass', '');
delete $redis->{cli_password};

# ---- another server, and back ----

my $other = CfRedis->new('other');

reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
$probe->reconnect;
$probe->read(item(50));
is(value_in($redis, "cf:$ns:i:50"), '[{"v":0}]', 'the first Redis has a value');
reconfigure($node, 'cachefront.redis_url' => $other->url('unix'));
recovered('another server');
is($probe->read(item(50)), '[{"v":0}]', 'another server: read');
$probe->write('UPDATE item SET v = 5 WHERE id = 50');
is($probe->read(item(50)), '[{"v":5}]', 'another server: written');
reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
recovered('back');
$node->restart;
is($node->safe_psql('postgres', item(50)), '[{"v":5}]', 'what the first Redis has not heard of it is not believed');

$probe->quit;
$node->stop;
done_testing();
