# CfOutage.pm - a table that is written and read while Redis misbehaves.
#
#	my $probe = CfOutage->new($node);		# makes the table, opens two sessions
#	$probe->write_and_read('killed', 4);	# nothing stale, no error
#	$probe->waits_once('killed', sub { $probe->read(item(7)); $probe->write('UPDATE item ...') });
#	$probe->out_of_use('killed');
#	$probe->does_not_wait('killed', sub { $probe->read(item(8)) });
#	$probe->recovered('killed');			# Redis is in use again
#	$probe->quit;
#
# It needs a debug build, which counts what a session was to wait for Redis in vain:
# what the machine held it up for besides is not in it.

package CfOutage;

use strict;
use warnings;

use Exporter 'import';
use Test::More;
use CfTest;
use CfTier;

our @EXPORT = qw(item silence);

my $sum = "SELECT cache_fetch('sum', 'SELECT sum(v) FROM item WHERE id <= 2')";

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id')";
}

# A query for the microseconds that its session was to wait for answers of Redis that
# did not come, in all of its time.
sub silence
{
	return q{SELECT (regexp_match(cf_debug_redis_report(), 'silent_us=(\d+)'))[1]};
}

sub new
{
	my ($class, $node) = @_;
	my $self = bless { node => $node, v => 0, longest => {} }, $class;

	debug($node);
	$node->safe_psql('postgres', q{
		CREATE TABLE item (id int PRIMARY KEY, v int);
		INSERT INTO item SELECT i, 0 FROM generate_series(1, 1000) i;
		SELECT cache_attach('item', 'i:{id}'), cache_attach('item', rows => '{}');
		SELECT cache_define('i', scope => 'shared');
	});
	$self->reconnect;
	return $self;
}

# New sessions, whose connections to Redis are new too.
sub reconnect
{
	my ($self) = @_;

	$self->quit;
	$self->{$_} = open_session($self->{node}, 'postgres', on_error_stop => 0)
	  foreach qw(reader writer);
	return;
}

sub quit
{
	my ($self) = @_;

	$_->quit foreach grep { defined } delete @$self{qw(reader writer)};
	return;
}

# One statement in a session that is there; dies of an error.
sub read
{
	my ($self, $sql) = @_;

	return $self->measured('reader', $sql);
}

sub write
{
	my ($self, $sql) = @_;

	return $self->measured('writer', $sql);
}

sub measured
{
	my ($self, $who, $sql) = @_;
	my $session = $self->{$who};
	my $before = $session->query_safe(silence());
	my $answer = $session->query_safe($sql);
	my $waited = $session->query_safe(silence()) - $before;

	$self->{longest}->{$who} = $waited if $waited > ($self->{longest}->{$who} // 0);
	return $answer;
}

# No read in a function waits for longer than one time-out in all, and no commit at all.
sub waits_once
{
	my ($self, $title, $function) = @_;
	my $timeout = 1000 * $self->{node}->safe_psql('postgres',
		q{SELECT setting FROM pg_settings WHERE name = 'cachefront.redis_command_timeout'});
	my $longest = $self->{longest} = {};

	$function->();
	note(join ', ', "$title: waited in vain", map { "$_ $longest->{$_} us" } sort keys %$longest);
	cmp_ok($longest->{reader} // 0, '<=', $timeout, "$title: no read waits longer than once");
	is($longest->{writer} // 0, 0, "$title: no commit waits");
	return;
}

# Nor at all. Where no worker has come for long, a session that somebody waits for
# looks whether Redis is back: so not each attempt need pass.
sub does_not_wait
{
	my ($self, $title, $function) = @_;
	my $longest;

	foreach (1 .. 5)
	{
		$longest = $self->{longest} = {};
		$function->();
		last unless grep { $_ > 0 } values %$longest;
	}
	is(join(' ', grep { $_ > 0 } values %$longest), '', "$title: calls do not wait");
	return;
}

# Reads, writes, and reads what it has written; a number of times.
sub write_and_read
{
	my ($self, $title, $rounds) = @_;
	my $wrong = '';

	foreach (1 .. $rounds)
	{
		my $v = ++$self->{v};

		$self->read(item(1));
		$self->read($sum);
		$self->write("UPDATE item SET v = $v WHERE id IN (1, 2)");
		my $read = join '', map { $self->read($_) } item(1), item(2), $sum;

		$wrong .= "$v: $read\n"
		  if $read ne "[{\"v\":$v}][{\"v\":$v}][{\"sum\":" . 2 * $v . '}]';
	}
	is($wrong, '', "$title: nothing stale");
	return;
}

# A column of cache_status, or more than one.
sub status
{
	my ($self, $what) = @_;

	return $self->{node}->safe_psql('postgres', "SELECT $what FROM cache_status");
}

# Redis is out of use, and why is told. The breaker closes for a moment now and then,
# where a worker finds that it can connect: until the next ones fail.
sub out_of_use
{
	my ($self, $title) = @_;
	my $n = 0;

	await_that("$title: for Redis to be out of use", sub {
		$self->{node}->safe_psql('postgres', item(900 + ++$n % 100)) for 1 .. 4;
		return $self->status(q{l2 = 'down' AND breaker LIKE '%open' AND redis_error <> ''}) eq 't';
	});
	return pass("$title: out of use, as the breaker is open: " . $self->status('redis_error'));
}

# Redis is of use again: what it missed is delivered first.
sub recovered
{
	my ($self, $title) = @_;
	my $node = $self->{node};
	my $n = 0;

	ok(wait_until($node, 'SELECT l2 FROM cache_status', 'up'), "$title: in use again");
	ok(wait_until($node, 'SELECT count(*) FROM cache_outbox', 0), "$title: the outbox is delivered");
	$self->reconnect;
	$self->write_and_read("$title: and then", 2);
	is($self->read(item(1)), "[{\"v\":$self->{v}}]", "$title: the value");

	await_that("$title: for Redis to have what was filled", sub {
		my $before = counters($node);
		my $big = "SET cachefront.l1_max_value = '1kB'; SELECT length(cache_fetch('back:$self->{v}:"
		  . $n++ . "', \$\$SELECT repeat('x', 2000)\$\$)::text)";

		$node->safe_psql('postgres', $big) for 1 .. 2;
		return since($node, $before, 'l2_hits')->{l2_hits} == 1;
	});
	pass("$title: Redis has what was filled");
	return;
}

1;
