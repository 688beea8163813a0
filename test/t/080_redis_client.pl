# The Redis client against real servers: transports, authentication, pipelines,
# scripts, bounds, and when it reconnects.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use CfRedis;
use CfTest qw(:DEFAULT redis_report);

require_debug();

my $dir = PostgreSQL::Test::Utils::tempdir();
my $certs = CfRedis::certificates($dir);
my $redis = CfRedis->new('main', tls => $certs);
my @secrets = ('s3cret-in-url', 's3cret-in-file', 's3cret-that-is-wrong', 's3cret@later');

my $node = CfTest->client_node('main',
	'cachefront.redis_url' => $redis->url('unix', "app:$secrets[0]"),
	'cachefront.breaker_failures' => 1000000,
	'cachefront.redis_command_timeout' => '5s',
	'cachefront.redis_connect_timeout' => '5s');

# One command in a session of its own.
sub ask
{
	my $words = join(',', map { "'$_'" } @_);

	return $node->safe_psql('postgres', "SELECT cf_debug_redis(ARRAY[$words])");
}

sub use_redis
{
	my ($url, %conf) = @_;

	reconfigure($node, 'cachefront.redis_url' => $url, %conf);
	return;
}

sub write_secret
{
	my ($path, $text, $mode) = @_;

	open(my $file, '>', $path) or die "could not write $path: $!";
	print $file $text;
	close $file;
	chmod($mode, $path);
	return $path;
}

# ---- authentication ----

$redis->cli('ACL', 'SETUSER', 'app', 'on', ">$secrets[0]", '~*', '+@all');
is(ask('ACL', 'WHOAMI'), 'app', 'user and password of the url');

my $file = write_secret("$dir/password", "$secrets[1]\nsecond line\n", 0600);
$redis->cli('ACL', 'SETUSER', 'other', 'on', ">$secrets[1]", '~*', '+@all');
use_redis($redis->url('unix', 'other'), 'cachefront.redis_password_file' => $file);
is(ask('ACL', 'WHOAMI'), 'other', 'password of a file');

$redis->cli('CONFIG', 'SET', 'requirepass', $secrets[1]);
$redis->{cli_password} = $secrets[1];
use_redis($redis->url('tcp'));
is(ask('ACL', 'WHOAMI'), 'default', 'a password alone');

write_secret($file, "$secrets[2]\n", 0600);
is(ask('PING'), 'FAILED: Redis refused AUTH: WRONGPASS', 'a wrong password');
write_secret($file, "$secrets[1]\n", 0644);
like(ask('PING'), qr/FAILED: .*everybody may use it/, 'a password that all can read');
write_secret($file, "\n", 0600);
like(ask('PING'), qr/FAILED: .*first line is empty/, 'an empty password');
unlink $file;
like(ask('PING'), qr/FAILED: .*No such file/, 'no password file');
use_redis($redis->url('unix', 'other'), 'cachefront.redis_password_file' => '');
like(ask('PING'), qr/FAILED: .*there is no password/, 'a user without a password');
use_redis($redis->url('unix'));
is(ask('PING'), 'FAILED: Redis refused INFO: NOAUTH', 'no password where one is needed');
$redis->cli('CONFIG', 'SET', 'requirepass', '');
delete $redis->{cli_password};

# The connection's name is a courtesy; the run id is not.
$redis->cli('ACL', 'SETUSER', 'default', '-client');
is(ask('PING'), 'PONG', 'without the right to CLIENT SETNAME');
$redis->cli('ACL', 'SETUSER', 'default', '+client', '-info');
is(ask('PING'), 'FAILED: Redis refused INFO: NOPERM', 'without the right to INFO');
$redis->cli('ACL', 'SETUSER', 'default', '+info');

# What Redis refuses is shown to everybody, so without the arguments.
like(ask('NOSUCH', 'argument'), qr/ERR unknown command/, 'a command that is not there');
is(redis_report()->{last_error},
	q{Redis refused a command: ERR unknown command 'NOSUCH'}, 'it is noted, its arguments are not');

# ---- rights that are missing ----

# What Redis refuses is named with its user; all else goes on.
sub obstacle
{
	return $node->safe_psql('postgres', 'SELECT obstacle FROM cf_debug_refusals(true)');
}

$redis->cli('ACL', 'SETUSER', 'limited', 'on', ">$secrets[0]", '~cf*', '+@all', '-hget', '-set');
use_redis($redis->url('unix', "limited:$secrets[0]"));
is(ask('PING'), 'PONG', 'a user who may not do everything');
is(obstacle(), '', 'nothing is refused yet');
like(ask('HGET', 'cf', 'v'), qr/^\(error\) NOPERM/, 'a command is refused');
is(obstacle(), 'Redis refuses its user "limited" HGET', 'named with the user');
is($node->safe_psql('postgres', 'SELECT obstacle FROM cf_debug_refusals(false)'),
	'Redis refuses its user HGET', 'or without');
like(ask('HGET', 'cf', 'v'), qr/^\(error\) NOPERM/, 'again');
is(ask('GET', 'cf'), '(nil)', 'others are answered');
like(ask('SET', 'cf', '1'), qr/^\(error\) NOPERM/, 'another one is refused');
is(obstacle(), 'Redis refuses its user "limited" HGET, SET', 'both are named');
like(ask('GET', 'other'), qr/^\(error\) NOPERM/, 'a key is refused');
is(obstacle(), 'Redis refuses its user "limited" HGET, SET, the keys of GET', 'and named as such');
is(redis_report()->{refusals}, 4, 'each is counted');
is(redis_report()->{state}, 'closed', 'none is a failure');
$redis->cli('ACL', 'SETUSER', 'limited', '+hget', '+set', '~*');
is(ask('HGET', 'cf', 'v') . ask('SET', 'cf', '1') . ask('GET', 'other'), '(nil)OK(nil)', 'the rights are given');
is(obstacle(), '', 'and it is over');
$redis->cli('ACL', 'SETUSER', 'limited', '-get');
like(ask('SCRIPT:ping', 'cf', 'x'), qr/^\(error\) ERR The user executing the script|^\(error\) NOPERM|ACL failure/,
	'a command of a script is refused');
like(obstacle(), qr/^Redis refuses its user "limited" (a command of a script, one of GET|GET)$/, 'and named');
$redis->cli('ACL', 'SETUSER', 'limited', '-evalsha');
like(ask('SCRIPT:ping', 'cf', 'x'), qr/^\(error\) NOPERM/, 'scripts are refused');
like(obstacle(), qr/^Redis refuses its user "limited" EVALSHA$/, 'as a whole');
is(() = slurp_file($node->logfile) =~ /Redis refuses its user "limited" HGET\n/g, 1, 'the log has each once');
use_redis($redis->url('unix'));
is(ask('DEL', 'cf'), '(integer) 1', 'another user');
is(obstacle(), '', 'has no such obstacle');

# ---- transports ----

$redis->cli('SET', 'k', 'zero');
$redis->cli('-n', '3', 'SET', 'k', 'three');
is(ask('GET', 'k'), 'zero', 'unix socket');
use_redis($redis->url('unix', undef, 3));
is(ask('GET', 'k'), 'three', 'unix socket, database 3');
use_redis($redis->url('tcp', undef, 3));
is(ask('GET', 'k'), 'three', 'TCP, database 3');
use_redis($redis->url('tcp', undef, 99));
is(ask('GET', 'k'), 'FAILED: Redis refused SELECT: ERR', 'a database that is not there');
SKIP:
{
	skip 'localhost cannot be resolved here', 1 unless CfRedis::has_localhost();
	use_redis("redis://localhost:$redis->{port}");
	is(ask('GET', 'k'), 'zero', 'a host name');
}
use_redis('redis://no-such-host.invalid');
like(ask('GET', 'k'), qr/FAILED: could not resolve "no-such-host.invalid"/, 'a name that is not there');
use_redis('redis://127.0.0.1:1');
is(ask('GET', 'k'), 'FAILED: could not connect to "127.0.0.1", port 1: Connection refused',
	'nobody listens');
use_redis("unix://$dir/none");
is(ask('GET', 'k'), "FAILED: could not connect to \"$dir/none\": No such file or directory",
	'no socket');

# ---- TLS ----

use_redis($redis->url('tls'), 'cachefront.redis_tls_ca_file' => $certs->{ca});
is(ask('GET', 'k'), 'zero', 'TLS by address');
SKIP:
{
	skip 'localhost cannot be resolved here', 1 unless CfRedis::has_localhost();
	use_redis("rediss://localhost:$redis->{tls_port}");
	is(ask('GET', 'k'), 'zero', 'TLS by name');
}
is($node->safe_psql('postgres', q{
		SELECT cf_debug_redis(ARRAY['SET', 'big', repeat('x', 1000000)]);
		SELECT length(cf_debug_redis('{GET,big}')); SELECT cf_debug_redis('{PING}')}),
	"OK\n1000000\nPONG", 'TLS: many records, and again on the same connection');

use_redis($redis->url('tls'), 'cachefront.redis_tls_ca_file' => $certs->{other_ca});
is(ask('GET', 'k'), 'FAILED: could not verify the certificate of Redis: self-signed certificate in certificate chain',
	'TLS: another authority');
use_redis($redis->url('tls'), 'cachefront.redis_tls_ca_file' => '');
like(ask('GET', 'k'), qr/FAILED: could not verify/, 'TLS: the authorities of the system');
reconfigure($node, 'cachefront.redis_tls_verify' => 'off');
is(ask('GET', 'k'), 'zero', 'TLS: not verified, if one asks for it');
reconfigure($node, 'cachefront.redis_tls_verify' => 'on', 'cachefront.redis_tls_ca_file' => "$dir/none");
is(ask('GET', 'k'), "FAILED: could not use \"$dir/none\" (cachefront.redis_tls_ca_file): No such file or directory",
	'TLS: no file of authorities');

reconfigure($node, 'cachefront.redis_tls_ca_file' => $certs->{ca});
$redis->cli('CONFIG', 'SET', 'tls-cert-file', $certs->{other_cert}, 'tls-key-file', $certs->{other_key});
is(ask('GET', 'k'), 'FAILED: could not verify the certificate of Redis: IP address mismatch',
	'TLS: a certificate for another address');
SKIP:
{
	skip 'localhost cannot be resolved here', 1 unless CfRedis::has_localhost();
	use_redis("rediss://localhost:$redis->{tls_port}");
	is(ask('GET', 'k'), 'FAILED: could not verify the certificate of Redis: hostname mismatch',
		'TLS: a certificate for another name');
	use_redis($redis->url('tls'));
}
$redis->cli('CONFIG', 'SET', 'tls-cert-file', $certs->{server_cert}, 'tls-key-file', $certs->{server_key});

$redis->cli('CONFIG', 'SET', 'tls-auth-clients', 'yes');
like(ask('GET', 'k'), qr/FAILED: could not/, 'TLS: no certificate where one is needed');
reconfigure($node, 'cachefront.redis_tls_cert_file' => $certs->{client_cert});
like(ask('GET', 'k'), qr/FAILED: .*must be set together/, 'TLS: a certificate without its key');
reconfigure($node, 'cachefront.redis_tls_key_file' => $certs->{other_key});
like(ask('GET', 'k'), qr/FAILED: could not use ".*other.key".*mismatch/, 'TLS: the key of another');
reconfigure($node, 'cachefront.redis_tls_key_file' => $certs->{client_key});
is(ask('GET', 'k'), 'zero', 'TLS: a certificate of our own');

my $renewing = open_session($node, 'postgres');
is($renewing->query_safe("SELECT cf_debug_redis('{GET,k}')"), 'zero', 'TLS: a session');
rename($certs->{ca}, "$certs->{ca}.old");
reconfigure($node, 'work_mem' => '4MB');
is($renewing->query_safe("SELECT cf_debug_redis('{GET,k}')"), 'zero', 'TLS: it keeps its connection');
like($renewing->query_safe("SELECT cf_debug_redis_drop(); SELECT cf_debug_redis('{GET,k}')"),
	qr/FAILED: could not use ".*ca.crt"/, 'TLS: for the next one, files are read again after a reload');
$renewing->quit;
rename("$certs->{ca}.old", $certs->{ca});

use_redis("rediss://127.0.0.1:$redis->{port}", 'cachefront.redis_connect_timeout' => '300ms');
# Redis 8 answers a TLS greeting, with an error in its own protocol.
like(ask('GET', 'k'), qr/^FAILED: (Redis did not answer in time|could not negotiate TLS with Redis: wrong version number)$/,
	'TLS to a port without it');
use_redis("redis://127.0.0.1:$redis->{tls_port}", 'cachefront.redis_connect_timeout' => '5s');
like(ask('GET', 'k'), qr/FAILED: .*(closed the connection|reset by peer)/, 'plain text to a port with TLS');

# ---- pipelines, values, scripts ----

use_redis($redis->url('unix'));
is($node->safe_psql('postgres', q{
		WITH r AS (SELECT cf_debug_redis_pipeline(
			array_agg(ARRAY['SET', 'p' || i, i::text] ORDER BY i)
			|| array_agg(ARRAY['GET', 'p' || i, NULL] ORDER BY i)) AS replies
			FROM generate_series(1, 500) i)
		SELECT replies[1:500] = array_fill('OK'::text, '{500}'),
			replies[501:] = (SELECT array_agg(i::text ORDER BY i) FROM generate_series(1, 500) i)
		FROM r}),
	't|t', 'a pipeline of 1,000 commands');
is($node->safe_psql('postgres', q{
		WITH r AS (SELECT cf_debug_redis_pipeline(
			array_agg(ARRAY['SET', 'm', repeat(chr(65 + i), 1000000)] ORDER BY i)
			|| array_agg(ARRAY['GET', 'm', NULL])) AS replies
			FROM generate_series(1, 20) i)
		SELECT replies[21] = repeat(chr(85), 1000000), array_length(replies, 1) FROM r}),
	't|40', '20 values of 1 MB out and in, in one pipeline');
is($node->safe_psql('postgres', q{
		WITH v AS (SELECT decode(string_agg(lpad(to_hex(i % 256), 2, '0'), ''), 'hex')
				AS value FROM generate_series(0, 99999) i)
		SELECT cf_debug_redis_bytes(ARRAY['SET', value, value]) = 'OK',
			cf_debug_redis_bytes(ARRAY['GET', value]) = value FROM v}),
	't|t', 'every byte, in keys and values');
is($node->safe_psql('postgres', q{SELECT cf_debug_redis_pipeline('{{SET,a,1},{NOSUCH,b,2},
		{LPUSH,a,1},{GET,none,NULL},{INCR,a,NULL},{KEYS,a,NULL}}')}),
	q({OK,"(error) ERR unknown command 'NOSUCH', with args beginning with: 'b' '2' ",)
	  . q("(error) WRONGTYPE Operation against a key holding the wrong kind of value",)
	  . q((nil),"(integer) 2",[a]}),
	'errors, nil, integers and arrays are replies in their place');
is($node->safe_psql('postgres', 'SELECT cf_debug_redis(ARRAY[]::text[])'), 'OK',
	'an empty pipeline connects');

my $script = "cf_debug_redis_pipeline('{{SET,x,1},{SCRIPT:ping,x,a},{INCR,x,NULL},"
  . "{SCRIPT:ping,x,b},{GET,x,NULL}}')";
$redis->cli('SCRIPT', 'FLUSH');
$redis->cli('CONFIG', 'RESETSTAT');
is($node->safe_psql('postgres', "SELECT $script; SELECT $script"),
	qq({OK,a,"(integer) 2",b,2}\n{OK,a,"(integer) 2",b,2}),
	'a script is taught when Redis does not know it, and the others run once');
like($redis->cli('INFO', 'commandstats'), qr/cmdstat_eval:calls=2,/, 'it was sent as text only then');
is($node->safe_psql('postgres', q{SELECT length(cf_debug_redis(ARRAY['SCRIPT:ping', 'x',
		repeat('y', 1000000)])), cf_debug_redis(ARRAY['SCRIPT:ping', E'a\nb', E'\r\n$-1\r\n'])
		= E'\r\n$-1\r\n'}),
	'1000000|t', "a script's arguments");

# ---- bounds, and replies that say something of the server ----

$redis->cli('CONFIG', 'SET', 'proto-max-bulk-len', '100mb');
is($node->safe_psql('postgres', q{SELECT cf_debug_redis(ARRAY['SET', 'big', repeat('x', 3000000)]);
		SELECT cf_debug_redis('{GET,big}'); SELECT cf_debug_redis('{GET,a}');
		SELECT cf_debug_redis_max_reply(4000000);
		SELECT length(cf_debug_redis('{GET,big}'))}),
	"OK\nFAILED: could not understand Redis: a reply that is too large\n2\n\n3000000",
	'a reply over the bound is refused, and the bound can be set');

$redis->cli('CONFIG', 'SET', 'maxmemory', '1');
like(ask('SET', 'a', '1'), qr/^\(error\) OOM/, 'Redis is full: a reply');
is(ask('GET', 'a'), '2', 'and it can be read');
is(redis_report()->{oom_replies}, 1, 'which is counted');
$redis->cli('CONFIG', 'SET', 'maxmemory', '0');

$redis->cli('REPLICAOF', '127.0.0.1', '1');
is(ask('SET', 'a', '1'), 'FAILED: Redis is of no use now: it says READONLY', 'a replica');
$redis->cli('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
is(ask('GET', 'a'), 'FAILED: Redis is of no use now: it says MASTERDOWN', 'a replica without its master');
$redis->cli('REPLICAOF', 'NO', 'ONE');

# ---- when it reconnects ----

my $session = open_session($node, 'postgres');
my $sql = "SELECT cf_debug_redis('{PING}')";
is($session->query_safe("$sql; $sql"), "PONG\nPONG", 'a session');
my $first = redis_report($session);
is($first->{generation}, 1, 'keeps its connection');
is($first->{run_id}, ($redis->cli('INFO', 'server') =~ /run_id:([0-9a-f]{40})/)[0], 'and knows the run id');

$node->reload;
reconfigure($node, 'work_mem' => '5MB');
is($session->query_safe("$sql; SHOW work_mem"), "PONG\n5MB", 'a reload of other settings');
is(redis_report($session)->{generation}, 1, 'does not disturb it');
use_redis($redis->url('unix', undef, 3));
is($session->query_safe("SELECT cf_debug_redis('{GET,k}')"), 'three', 'another url holds from the next call on');
is(redis_report($session)->{generation}, 2, 'by a new connection');
is($session->query_safe("SELECT cf_debug_redis('{PING}', generation => 2),
		cf_debug_redis('{SET,w,1}', generation => 1), cf_debug_redis('{GET,w}')"),
	'PONG|CHANGED|(nil)', 'what is meant for the old connection is not sent');

my $failures = redis_report()->{failures};
$redis->restart;
is($session->query_safe($sql), 'PONG', 'Redis was restarted');
my $third = redis_report($session);
is($third->{generation}, 3, 'by a new connection');
isnt($third->{run_id}, $first->{run_id}, 'and that is known');
is($third->{failures}, $failures, 'without a failure');
$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
is($session->query_safe($sql), 'PONG', 'Redis has closed the connection');
$session->query_safe('SELECT cf_debug_redis_drop()');
is(redis_report($session)->{generation}, 0, 'dropped');
is($session->query_safe($sql), 'PONG', 'and made again');

$session->quit;

# ---- off, and secrets ----

use_redis('');
is(ask('PING'), 'OFF', 'no url, no Redis');

$node->append_conf('postgresql.conf', "cachefront.redis_url = 'redis://me:$secrets[2]\@'");
$node->reload;
$node->wait_for_log(qr/invalid value for parameter "cachefront.redis_url"\n/);
pass('a wrong url is refused');
$node->safe_psql('postgres', q{CREATE ROLE joe; CREATE VIEW settings AS
	SELECT name, setting FROM pg_settings; GRANT SELECT ON settings TO joe});
is($node->safe_psql('postgres', q{SET ROLE joe; SELECT count(*) FROM pg_settings
		WHERE name ~ 'cachefront.redis_(url|pass|tls)'}),
	0, 'others do not see the settings');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'cachefront.redis_url'}),
	0, 'and nobody sees the url in a list');
my ($status, $stdout, $stderr) =
  $node->psql('postgres', 'SET ROLE joe; SHOW cachefront.redis_url');
like($stderr, qr/must be superuser|permission denied to examine/, 'or shows it');
use_redis("redis://app:$secrets[3]\@localhost:1/2");
is(slurp_file($node->logfile) =~ /parameter "cachefront\.redis_url" changed to "redis:\/\/\*\*\*\@localhost:1\/2"/, 1,
	'a reload that changes the password logs the rest');
$node->stop;
my $log = slurp_file($node->logfile);
foreach my $secret (@secrets)
{
	unlike($log, qr/\Q$secret\E/, 'no password in the log');
}
unlike($log, qr/PANIC:|TRAP:|WARNING:|terminated by signal/, 'nothing else in the log');
done_testing();
