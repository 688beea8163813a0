# CfDrivers.pm - programs of others, as drivers' and poolers', against the server under test.
#
#	my ($status, $out, $err) = run_command_at($node->port, 'python3', 'program.py');
#	SKIP: { skip 'no node', 1 if !works('node', '--version'); ... }
#
# Packages that the suite has fetched are found: those of Python below CF_TOOLS, those of
# node below CF_NPM.

package CfDrivers;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use CfTest qw(query under_test);

our @EXPORT = qw(run_command_at works);

# Runs a command that connects to this port of 127.0.0.1 as the superuser, unless it says
# otherwise; returns its exit status and what it printed.
sub run_command_at
{
	my ($port, @command) = @_;
	my $folder = $PostgreSQL::Test::Utils::tmp_check;
	my $packages = ($ENV{CF_TOOLS} // '/nowhere') . '/packages';
	my ($out, $err) = ('', '');

	local $ENV{PGHOST} = '127.0.0.1';
	local $ENV{PGPORT} = $port;
	local $ENV{PGUSER} = query('SELECT current_user');
	local $ENV{PGDATABASE} = 'postgres';
	local $ENV{NODE_PATH} = ($ENV{CF_NPM} // $folder) . '/node_modules';
	local $ENV{HOME} = $folder;
	local $ENV{PYTHONPATH} = join(':', glob "$packages/python3-*/usr/lib/python3/dist-packages");
	IPC::Run::run(\@command, '<', \'', '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($? >> 8, $out, $err);
}

# Is a command there, and does it succeed?
sub works
{
	my (@command) = @_;
	my $result = eval { (run_command_at(under_test()->port, @command))[0] };

	return defined $result && $result == 0;
}

1;
