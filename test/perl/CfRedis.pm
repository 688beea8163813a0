# CfRedis.pm - real Redis servers for TAP tests, private to the test.
#
#	my $redis = CfRedis->new('main');		# started; unix socket and TCP
#	my $redis = CfRedis->new('tls', tls => CfRedis::certificates($dir));
#	$redis->url('unix');					# also tcp, tls; (kind, userinfo, db)
#	$redis->cli('SET', 'k', 'v');			# what redis-cli prints
#	$redis->pause; $redis->resume;			# SIGSTOP: silent, but connected
#	$redis->kill; $redis->start;
#
# With sentinel => 1 it is a Sentinel; lines are more lines of its configuration. What it
# logs is beside the server's log.
#
# The server keeps nothing on disk, runs as the test's user and is stopped by
# its pid, at the latest when the test ends.

package CfRedis;

use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

my %running;

sub new
{
	my ($class, $name, %option) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $self = bless {
		name => $name,
		dir => $dir,
		socket => "$dir/s",
		port => PostgreSQL::Test::Cluster::get_free_port(),
		conf => [],
		lines => [],
		sentinel => $option{sentinel},
	}, $class;

	if ($option{tls})
	{
		$self->{tls_port} = PostgreSQL::Test::Cluster::get_free_port();
		$self->configure(
			'tls-port' => $self->{tls_port},
			'tls-ca-cert-file' => $option{tls}->{ca},
			'tls-cert-file' => $option{tls}->{server_cert},
			'tls-key-file' => $option{tls}->{server_key},
			'tls-auth-clients' => 'no');
	}
	$self->start unless $option{stopped};
	return $self;
}

# Settings for the next start.
sub configure
{
	my ($self, @pairs) = @_;

	push @{ $self->{conf} }, @pairs;
	return;
}

sub start
{
	my ($self) = @_;
	my @conf = (
		'port' => $self->{port},
		'bind' => '127.0.0.1',
		'unixsocket' => $self->{socket},
		'dir' => $self->{dir},
		'logfile' => "$PostgreSQL::Test::Utils::log_path/redis-$self->{name}.log",
		$self->{sentinel} ? () : ('save' => '', 'appendonly' => 'no'),
		'daemonize' => 'no',
		@{ $self->{conf} });
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;
	my $pid;

	unlink $self->{socket};
	$self->write_conf(@conf);
	$pid = fork();
	die "could not fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
		open(STDOUT, '>>', "$self->{dir}/out") or POSIX::_exit(126);
		open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		{
			no warnings 'exec';
			exec 'redis-server', "$self->{dir}/conf", $self->{sentinel} ? '--sentinel' : ();
		}
		POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$running{$pid} = 1;
	while (!-S $self->{socket} || $self->cli('PING') !~ /PONG|NOAUTH|NOPERM/)
	{
		die "Redis $self->{name} did not start: "
		  . PostgreSQL::Test::Utils::slurp_file("$self->{dir}/out")
		  if time() > $deadline || waitpid($pid, POSIX::WNOHANG()) == $pid;
		sleep 0.02;
	}
	return;
}

# A Sentinel keeps there what it has learnt: it finds that again when it starts again.
sub write_conf
{
	my ($self, @conf) = @_;

	return if $self->{sentinel} && -e "$self->{dir}/conf";
	open(my $file, '>', "$self->{dir}/conf") or die "could not write conf: $!";
	while (my ($name, $value) = splice(@conf, 0, 2))
	{
		my $values = $value eq '' ? '""' : join ' ', map { "\"$_\"" } split / /, $value;

		print $file "$name $values\n";
	}
	print $file "$_\n" foreach @{ $self->{lines} };
	close $file;
	return;
}

sub signal
{
	my ($self, $signal) = @_;

	CORE::kill($signal, $self->{pid}) or die "could not signal Redis: $!";
	return;
}

sub pause
{
	my ($self) = @_;

	$self->signal('STOP');
	$self->{paused} = 1;
	return;
}

sub resume
{
	my ($self) = @_;

	$self->signal('CONT');
	delete $self->{paused};
	return;
}

# At once, as a crash; all data is gone.
sub kill : method
{
	my ($self) = @_;

	CORE::kill('KILL', $self->{pid});
	waitpid($self->{pid}, 0);
	delete $running{ delete $self->{pid} };
	return;
}

sub restart
{
	my ($self) = @_;

	$self->kill;
	$self->start;
	return;
}

# What redis-cli prints; errors of Redis included.
sub cli
{
	my ($self, @args) = @_;
	my ($stdout, $stderr) = ('', '');
	my @auth = defined $self->{cli_password}
	  ? ('--no-auth-warning', '-a', $self->{cli_password}) : ();

	IPC::Run::run([ 'redis-cli', '-s', $self->{socket}, @auth, @args ],
		'<', '/dev/null', '>', \$stdout, '2>', \$stderr);
	chomp $stdout;
	return $stdout . $stderr;
}

sub url
{
	my ($self, $kind, $userinfo, $db) = @_;
	my $at = defined $userinfo ? "$userinfo\@" : '';

	return "unix://$at$self->{socket}" . (defined $db ? "?db=$db" : '')
	  if $kind eq 'unix';
	return ($kind eq 'tls' ? 'rediss' : 'redis')
	  . "://${at}127.0.0.1:"
	  . ($kind eq 'tls' ? $self->{tls_port} : $self->{port})
	  . (defined $db ? "/$db" : '');
}

# A small root has no /etc/hosts: tests of a host by its name skip what needs one.
sub has_localhost
{
	return defined scalar gethostbyname('localhost');
}

# How many connections of the extension there are.
sub nclients
{
	my ($self) = @_;

	return scalar grep { /name=cachefront/ } split /\n/, $self->cli('CLIENT', 'LIST');
}

# Makes two authorities, and certificates by the first: for a server at
# localhost and 127.0.0.1, for one of another name, and for a client. Returns
# the paths: ca, other_ca, {server,other,client}_{cert,key}.
sub certificates
{
	my ($dir) = @_;
	my %path;

	foreach my $ca (qw(ca other_ca))
	{
		openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
			'-subj', "/CN=$ca", '-keyout', "$dir/$ca.key", '-out', "$dir/$ca.crt");
		$path{$ca} = "$dir/$ca.crt";
	}
	my %names = (
		server => 'DNS:localhost,IP:127.0.0.1',
		other => 'DNS:other.example,IP:127.0.0.2',
		client => 'DNS:client.example');
	foreach my $name (sort keys %names)
	{
		my $base = "$dir/$name";

		PostgreSQL::Test::Utils::append_to_file("$base.ext",
			"subjectAltName=$names{$name}\n");
		openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', "/CN=$name",
			'-keyout', "$base.key", '-out', "$base.csr");
		openssl('x509', '-req', '-days', '2', '-in', "$base.csr", '-CA', "$dir/ca.crt",
			'-CAkey', "$dir/ca.key", '-CAcreateserial', '-extfile', "$base.ext",
			'-out', "$base.crt");
		$path{"${name}_cert"} = "$base.crt";
		$path{"${name}_key"} = "$base.key";
	}
	return \%path;
}

sub openssl
{
	my (@args) = @_;
	my ($stdout, $stderr);

	IPC::Run::run([ 'openssl', @args ], '<', '/dev/null', '>', \$stdout, '2>', \$stderr)
	  or die "openssl @args: $stderr";
	return;
}

END
{
	my $status = $?;

	foreach my $pid (keys %running)
	{
		CORE::kill('KILL', $pid);
		waitpid($pid, 0);
	}
	$? = $status;
}

1;
