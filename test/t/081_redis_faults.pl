# The Redis client against servers that are silent, dead or lie: every broken
# reply is a failure and no more, waiting is bounded and can be cancelled, the
# breaker opens and closes as it should, and nothing leaks.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use CfFakeRedis;
use CfRedis;
use CfTest qw(:DEFAULT ask_redis query redis_report);

require_debug();

my $redis = CfRedis->new('main');
my $node = CfTest->client_node('main',
	'cachefront.redis_url' => $redis->url('unix'),
	'cachefront.redis_command_timeout' => '60s',
	'cachefront.redis_connect_timeout' => '60s',
	'cachefront.breaker_reset' => '10s');

# Without the breaker for what is not about it.
my %patient = ('cachefront.breaker_failures' => 1000000);

# So many of them in one session, with nothing between them: nothing but one of the
# outcomes may come, however often.
sub ask_often
{
	my ($command, $n) = @_;

	return query("SELECT DISTINCT left(cf_debug_redis('{$command}'), 6) FROM generate_series(1, $n)");
}

# Moves the clock that the breaker looks at. Its own time goes on as well.
sub advance_ms
{
	query("SELECT cf_debug_advance_clock('$_[0] ms')");
	return;
}

# How long the breaker leaves Redis alone this time.
sub next_probe_ms
{
	return redis_report()->{reset_ms};
}

# ---- broken replies ----

my $random = join '', map { chr(($_ * 7919 + ($_ >> 3)) % 256) } 1 .. 65536;
my %broken = (
	closed => [ ['CLOSE'], qr/closed the connection/ ],
	midbulk => [ [ "\$10\r\nabc", 'CLOSE' ], qr/closed the connection/ ],
	midheader => [ [ "\$1", 'CLOSE' ], qr/closed the connection/ ],
	midarray => [ [ "*2\r\n+a\r\n", 'CLOSE' ], qr/closed the connection/ ],
	http => [ ["HTTP/1.1 400 Bad Request\r\n\r\n"], qr/unknown type/ ],
	resp3 => [ ["%1\r\n+a\r\n+b\r\n"], qr/unknown type/ ],
	nothing => [ ["\r\n"], qr/unknown type/ ],
	zeros => [ [ "\0" x 100 ], qr/unknown type/ ],
	random => [ [ "+OK$random" ], qr/carriage return|line feed|too long/ ],
	hugebulk => [ ["\$9223372036854775807\r\n"], qr/too large/ ],
	halfgiga => [ ["\$536870912\r\n"], qr/too large/ ],
	hugearray => [ ["*2147483647\r\n"], qr/too many elements/ ],
	nested => [ [ "*60000\r\n" x 3 ], qr/too many elements/ ],
	deep => [ [ "*1\r\n" x 6 . ":1\r\n" ], qr/nested too deeply/ ],
	overlong => [ [ '-' . 'x' x 70000 ], qr/too long/ ],
	negative => [ ["\$-5\r\n"], qr/negative length/ ],
	noend => [ ["\$3\r\nabcde\r\n"], qr/does not end where it should/ ],
	number => [ [":12a\r\n"], qr/malformed number/ ],
	range => [ [":9223372036854775808\r\n"], qr/out of range/ ],
	twice => [ ["+OK\r\n+OK\r\n"], qr/more replies than commands/ ]);
my %useless =
  map { $_ => [ ["-$_ some words\r\n"], qr/of no use now: it says $_$/ ] }
  qw(ASK BUSY CLUSTERDOWN LOADING MASTERDOWN MISCONF MOVED NOAUTH READONLY WRONGPASS);
my $fake = CfFakeRedis->new(
	(map { $_ => $broken{$_}->[0] } keys %broken),
	(map { $_ => $useless{$_}->[0] } keys %useless),
	plain => ["-LOADINGS is no such word\r\n"],
	noperm => ["-NOPERM this user has no permissions\r\n"],
	late => [ "+OK\r\n", { sleep => 0.2 }, "+LATE\r\n" ],
	echo => ["+ECHO\r\n"],
	trickle => [ { trickle => "*2\r\n\$3\r\nabc\r\n:-12\r\n", pause => 0.01 } ],
	slow => [ { trickle => "\$9\r\n123456789\r\n", pause => 0.2 } ],
	silent => [ { sleep => 3000 } ]);

reconfigure($node, %patient, 'cachefront.redis_url' => $fake->url);
is(ask_redis('fine'), 'OK', 'a fake server');
foreach my $name (sort keys %broken)
{
	my $reply = ask_redis($name);

	ok($reply =~ /^FAILED: / && $reply =~ $broken{$name}->[1], "$name is a failure")
	  or diag($reply);
}
foreach my $name (sort keys %useless)
{
	like(ask_redis($name), $useless{$name}->[1], "$name is a failure");
}
is(ask_redis('plain'), '(error) LOADINGS is no such word', 'another error is a reply');
is(ask_redis('noperm'), '(error) NOPERM this user has no permissions', 'so is a missing right');
is(ask_redis('trickle'), '[abc, (integer) -12]', 'a reply that comes byte by byte');
# It comes a fifth of a second after the first one; or later, where the machine is busy.
my $echo;
foreach my $pause (0.5, 1, 2, 4, 8)
{
	$echo = query("SELECT cf_debug_redis('{late}'), pg_sleep($pause), cf_debug_redis('{echo}')");
	last if $echo eq 'OK||ECHO';
}
is($echo, 'OK||ECHO', 'a reply too many is not taken for the next one');
is( query(q{SELECT cf_debug_redis_pipeline('{{fine},{midbulk},{fine}}')}),
	'{"FAILED: Redis closed the connection"}',
	'a pipeline fails as a whole');
is(redis_report()->{failures}, keys(%broken) + keys(%useless) + 1, 'each is counted once');

# ---- broken handshakes ----

my $info = "\$23\r\n# Server\r\nrun_id:1234\r\n\r\n";
my %handshake = (
	'+nonsense' => [ ["+nonsense\r\n"], qr/could not understand Redis's answer to INFO/ ],
	'an array' => [ ["*0\r\n"], qr/could not understand Redis's answer to INFO/ ],
	'nil' => [ ["\$-1\r\n"], qr/could not understand Redis's answer to INFO/ ],
	'a short run id' => [ [$info], qr/did not tell its run id/ ],
	'no run id' => [ ["\$0\r\n\r\n"], qr/did not tell its run id/ ],
	'a run id that is none' =>
	  [ [ "\$49\r\n\nrun_id:" . 'f' x 41 . "\r\n" ], qr/did not tell its run id/ ],
	'LOADING' => [ ["-LOADING wait\r\n"], qr/Redis refused INFO: LOADING$/ ],
	'the end' => [ ['CLOSE'], qr/closed the connection/ ]);
foreach my $name (sort keys %handshake)
{
	my $bad = CfFakeRedis->new(INFO => $handshake{$name}->[0]);

	reconfigure($node, 'cachefront.redis_url' => $bad->url);
	like(ask_redis('PING'), $handshake{$name}->[1], "handshake: $name");
}
my $echoing = CfFakeRedis->new(
	AUTH => ["-ERR unknown command 'AUTH', with args beginning with: 's3cret'\r\n"]);
my $secret = PostgreSQL::Test::Utils::tempdir() . '/secret';
PostgreSQL::Test::Utils::append_to_file($secret, "s3cret\n");
chmod 0600, $secret;
reconfigure($node, 'cachefront.redis_url' => $echoing->url,
	'cachefront.redis_password_file' => $secret);
is(ask_redis('PING'), 'FAILED: Redis refused AUTH: ERR', 'handshake: a password that is sent back');
reconfigure($node, 'cachefront.redis_password_file' => '');

# ---- nothing leaks ----

sub count_files
{
	my ($pid) = @_;
	my @files = glob "/proc/$pid/fd/*";

	return scalar @files;
}

reconfigure($node, 'cachefront.redis_url' => $fake->url);
my $session = open_session($node, 'postgres');
my $pid = $session->query_safe('SELECT pg_backend_pid()');
my $many = q{DO $$ BEGIN FOR i IN 1..%d LOOP
	IF cf_debug_redis('{%s}') NOT LIKE 'FAILED: %%%s%%' THEN
		RAISE EXCEPTION 'call %% did not fail as it should', i;
	END IF; END LOOP; END $$};
$session->query_safe(sprintf($many, 1, 'midarray', 'closed'));
my $files = count_files($pid);
$session->query_safe(sprintf($many, 300, 'midarray', 'closed'));
$session->query_safe(sprintf($many, 100, 'deep', 'nested'));
is(count_files($pid), $files, 'no file after 400 broken replies');
reconfigure($node, 'cachefront.redis_url' => 'unix:///none');
$session->query_safe(sprintf($many, 1000, 'PING', 'could not connect'));
is(count_files($pid), $files, 'nor after 1,000 connections that failed');

# ---- waiting is bounded, and can be cancelled ----

reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
is($session->query_safe("SELECT cf_debug_redis('{ECHO,before}')"), 'before', 'a session');
$redis->pause;

# Seconds that a text of statements takes, and what it prints.
sub timed
{
	my ($sql) = @_;
	my $start = time();
	my ($status, $stdout, $stderr) = $node->psql('postgres', $sql);

	return (time() - $start, $stdout, $stderr);
}

my ($seconds, $out, $err) = timed(q{SET statement_timeout = '300ms';
	SELECT cf_debug_redis('{PING}', 30000)});
like($err, qr/canceling statement due to statement timeout/, 'statement_timeout while connecting');
cmp_ok($seconds, '<', 25, 'acts at once, not when the call is over');
($seconds, $out, $err) = timed(q{SET statement_timeout = '300ms';
	SELECT cf_debug_redis('{PING}', 600, false)});
like($err, qr/canceling statement/, 'a call that is not interruptible');
cmp_ok($seconds, '>', 0.55, 'goes on for its time');

# A connection that is there already. The reply comes after the cancel.
$session->query_safe(q{CREATE FUNCTION cancelled(args text[]) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN RETURN cf_debug_redis(args, 300000);
	EXCEPTION WHEN query_canceled THEN RETURN 'cancelled'; END $$});
my $cancel = sub {
	my ($pid) = @_;

	await($node, "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"
		  . ' AND ' . wait_event('Redis'), 1);
	query("SELECT pg_cancel_backend($pid)");
};
$redis->resume;
is($session->query_safe("SELECT cf_debug_redis('{ECHO,again}')"), 'again', 'connected');
$redis->pause;
my $child = fork();
if ($child == 0)
{
	# Redis answers only when the next call is waiting.
	my $calls = "SELECT (regexp_match(cf_debug_redis_report(), 'calls=(\\d+)'))[1]::bigint";
	my $before = query($calls);

	$cancel->($pid);
	await($node, "SELECT ($calls) > $before AND EXISTS (SELECT FROM pg_stat_activity"
		  . " WHERE pid = $pid AND " . wait_event('Redis') . ')');
	$redis->resume;
	POSIX::_exit(0);
}
is($session->query_safe("SELECT cancelled('{ECHO,lost}'), cf_debug_redis('{ECHO,next}', 300000)"),
	'cancelled|next', 'pg_cancel_backend; the late reply is not taken for the next one');
waitpid($child, 0);
is(redis_report()->{state}, 'closed', 'a cancel says nothing about Redis');

# ---- the breaker ----

# Nobody probes but we.
my $worker = worker_pid($node, 'cachefront publisher');
kill 'STOP', $worker;
my $opens = redis_report()->{opens};
reconfigure($node, 'cachefront.breaker_failures' => 5, 'cachefront.redis_url' => 'unix:///none');
advance_ms(11000);
is(ask_often('PING', 4), 'FAILED', 'breaker: four failures');
is(redis_report()->{state}, 'closed', 'do not open it');
advance_ms(11000);
is(ask_often('PING', 4), 'FAILED', 'breaker: four more, ten seconds later');
is(redis_report()->{state}, 'closed', 'which begin to count anew');
advance_ms(11000);
is(ask_often('PING', 5), 'FAILED', 'breaker: the fifth within ten seconds');
is(redis_report()->{state}, 'open', 'opens it');
is(redis_report()->{opens}, $opens + 1, 'which is counted');
like(redis_report()->{last_error}, qr/could not connect to "\/none"/, 'and says why');
# What is open for longer than two seconds is so by the setting, and gets no longer.
foreach my $ms (10000, 10000, 10000)
{
	my ($early, $late) = ($ms / 8, $ms * 7 / 8 + 100);

	is( query(qq{SELECT left(cf_debug_redis('{PING}'), 6) FROM cf_debug_advance_clock('$early ms');
			SELECT left(cf_debug_redis('{PING}'), 6) FROM cf_debug_advance_clock('$late ms')}),
		"OPEN\nFAILED", "for $ms ms nobody tries, then one does, in vain");
}
# Longer than anything here takes.
my $reset_ms = 601000;
reconfigure($node, 'cachefront.redis_url' => 'unix:///none/either');
like(ask_redis('PING'), qr/could not connect to "\/none\/either"/, 'other settings are tried at once');
unlike(slurp_file($node->logfile), qr/cachefront uses Redis again/,
	'but nobody says that Redis is used before it was');
reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
is(ask_redis('PING'), 'PONG', 'nor do they keep others from being tried');
is(redis_report()->{state}, 'closed', 'which close it');

# With a short time between attempts it grows, but not beyond two seconds.
reconfigure($node, 'cachefront.breaker_reset' => '300ms', 'cachefront.redis_url' => 'unix:///none');
is(ask_often('PING', 5), 'FAILED', 'breaker: opened again');
foreach my $ms (300, 600, 1200, 2000, 2000)
{
	is(next_probe_ms(), $ms, "open for $ms ms");
	query(qq{SELECT cf_debug_redis('{PING}') FROM cf_debug_advance_clock('$ms ms')});
}

# What the log says last is true, however fast it changes.
sub told_last
{
	my @told = slurp_file($node->logfile) =~ /cachefront (works without|uses) Redis/g;

	return $told[-1];
}

reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
is(ask_redis('PING'), 'PONG', 'closed');
is(told_last(), 'uses', 'the log says so');
reconfigure($node, 'cachefront.redis_url' => 'unix:///none');
is(ask_often('PING', 5), 'FAILED', 'opened');
reconfigure($node, 'cachefront.redis_url' => $redis->url('unix'));
is(ask_redis('PING'), 'PONG', 'closed at once');
reconfigure($node, 'cachefront.redis_url' => 'unix:///none');
is(ask_often('PING', 5), 'FAILED', 'and opened');
advance_ms(2000);
is(ask_redis('PING') =~ s/:.*//r, 'FAILED', 'the next attempt is in vain');
is(told_last(), 'works without', 'the log has caught up');
reconfigure($node, 'cachefront.breaker_reset' => '10min', 'cachefront.redis_url' => $redis->url('unix'));
is(ask_redis('PING'), 'PONG', 'closed');
is(told_last(), 'uses', 'and said so');

# A silent server
reconfigure($node, 'cachefront.redis_command_timeout' => '250ms',
	'cachefront.redis_connect_timeout' => '500ms');
$redis->pause;
($seconds, $out, $err) = timed(q{SELECT cf_debug_redis('{PING}')});
is($out, 'FAILED: Redis did not answer in time', 'a silent server');
is(redis_report()->{state}, 'open', 'and opens the breaker at once');
my $timeouts = redis_report()->{timeouts};
cmp_ok($timeouts, '>', 0, 'as a time-out');
reconfigure($node, 'cachefront.redis_command_timeout' => '60s');
($seconds, $out, $err) = timed(q{SELECT cf_debug_redis('{PING}') FROM generate_series(1, 100)});
is($out, join("\n", ('OPEN') x 100), 'then nobody waits');

# The prober: others see the breaker open meanwhile; then it is killed.
reconfigure($node, 'cachefront.redis_connect_timeout' => '60s');
advance_ms($reset_ms);
my $prober = start_session($node, q{SELECT cf_debug_redis('{PING}', 60000)}, name => 'prober');
my $waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'prober'"
  . ' AND ' . wait_event('Redis');
await($node, $waiting, 1);
is(redis_report()->{state}, 'half-open', 'one session probes');
is(ask_redis('PING'), 'OPEN', 'the others do not');
query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prober'");
finish_session($prober);
is(redis_report()->{state}, 'half-open', 'a prober that is killed tells nothing');
$redis->resume;
is(ask_redis('PING'), 'OPEN', 'so the others wait');
advance_ms(120300);
is(ask_redis('PING'), 'PONG', 'until its time is over; then another probes');
is(redis_report()->{state}, 'closed', 'with success');

# A prober that is cancelled hands its turn over.
reconfigure($node, 'cachefront.redis_connect_timeout' => '500ms');
$redis->pause;
like(ask_redis('PING'), qr/in time/, 'silent again');
advance_ms($reset_ms);
reconfigure($node, 'cachefront.redis_connect_timeout' => '60s');
$prober = start_session($node, q{SELECT cf_debug_redis('{PING}', 60000)}, name => 'prober');
await($node, $waiting, 1);
query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'prober'");
like(finish_session($prober)->{stderr}, qr/canceling statement/, 'a prober is cancelled');
$redis->resume;
is(ask_redis('PING'), 'PONG', 'the next one probes at once');

# A caller that has little time is not the measure.
$redis->pause;
is(query(q{SELECT cf_debug_redis('{PING}', 20, false)}), 'FAILED: Redis did not answer in time',
	'a short wait');
is(redis_report()->{state}, 'closed', 'is one failure, and no silence');
$redis->resume;

# Redis dies and comes back
$redis->kill;
await_that('for the breaker to open', sub { ask_redis('PING') =~ /FAILED|OPEN/ && redis_report()->{state} eq 'open' });
pass('Redis is dead: the breaker opens');
$redis->start;
is(ask_redis('PING'), 'OPEN', 'Redis is back');
advance_ms($reset_ms);
is(ask_redis('PING'), 'PONG', 'and is used after a while');

kill 'CONT', $worker;

# ---- slow replies, whole run ----

reconfigure($node, %patient, 'cachefront.redis_url' => $fake->url,
	'cachefront.redis_command_timeout' => '400ms');
($seconds, $out, $err) = timed(q{SELECT cf_debug_redis('{slow}')});
is($out, 'FAILED: Redis did not answer in time', 'bytes that come too slowly do not prolong the time');

my $log = slurp_file($node->logfile);
like($log, qr/LOG:  cachefront works without Redis\n.*DETAIL:  could not connect to "\/none": No such file or directory; the next attempt is in 10000 ms\.\n.*HINT:  Look at the Redis server/,
	'the log says when Redis is left alone, and why');
like($log, qr/LOG:  cachefront uses Redis again/, 'and when no longer');
unlike($log, qr/s3cret/, 'no password in the log');
unlike($log, qr/PANIC:|TRAP:|WARNING:|terminated by signal/, 'nothing else in the log');

# ---- the postmaster dies ----

reconfigure($node, 'cachefront.redis_command_timeout' => '60s', 'cachefront.redis_connect_timeout' => '60s');
advance_ms($reset_ms);
my $orphan = start_session($node, q{SELECT cf_debug_redis('{silent}', 60000, false)}, name => 'prober');
await($node, $waiting, 1);
my $backend = query("SELECT pid FROM pg_stat_activity WHERE application_name = 'prober'");
$session->quit;
$node->kill9;
await_that('for the session to end', sub { !kill(0, $backend) });
pass('a session that waits for Redis ends with the postmaster');
finish_session($orphan);
done_testing();
