# CfOutage.pm - a table that is written and read while Redis misbehaves.
#
#	my $probe = CfOutage->new($node);		# makes the table, opens two sessions
#	$probe->write_and_read('killed', 4);	# nothing stale, no error; the seconds
#											# that the slowest statement took
#	$probe->read(item(7)); $probe->write('UPDATE item ...');
#	$probe->out_of_use('killed');
#	$probe->recovered('killed');			# Redis is in use again
#	$probe->quit;

package CfOutage;

use strict;
use warnings;

use Exporter 'import';
use Test::More;
use Time::HiRes qw(time);
use CfTest;
use CfTier;

our @EXPORT = qw(item);

my $sum = "SELECT cache_fetch('sum', 'SELECT sum(v) FROM item WHERE id <= 2')";

sub item
{
	my ($id) = @_;

	return "SELECT cache_fetch('i:$id', 'SELECT v FROM item WHERE id = $id')";
}

sub new
{
	my ($class, $node) = @_;
	my $self = bless { node => $node, v => 0, longest => 0 }, $class;

	$node->safe_psql('postgres', q{
		CREATE TABLE item (id int PRIMARY KEY, v int);
		INSERT INTO item SELECT i, 0 FROM generate_series(1, 1000) i;
		SELECT cache_attach('item', 'i:{id}'), cache_attach('item');
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

	return $self->timed('reader', $sql);
}

sub write
{
	my ($self, $sql) = @_;

	return $self->timed('writer', $sql);
}

sub timed
{
	my ($self, $session, $sql) = @_;
	my $start = time();
	my $answer = $self->{$session}->query_safe($sql);
	my $took = time() - $start;

	$self->{longest} = $took if $took > $self->{longest};
	return $answer;
}

# The seconds of the slowest statement that a function runs.
sub slowest
{
	my ($self, $function) = @_;

	$self->{longest} = 0;
	$function->();
	return $self->{longest};
}

# Reads, writes, and reads what it has written; a number of times.
sub write_and_read
{
	my ($self, $title, $rounds) = @_;
	my $wrong = '';
	my $longest = $self->slowest(sub {
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
	});

	is($wrong, '', "$title: nothing stale");
	return $longest;
}

# A column of cache_status, or more than one.
sub status
{
	my ($self, $what) = @_;

	return $self->{node}->safe_psql('postgres', "SELECT $what FROM cache_status");
}

# Redis is out of use. The breaker closes for a moment now and then, where a worker
# finds that it can connect: until the next ones fail.
sub out_of_use
{
	my ($self, $title) = @_;
	my $n = 0;

	await_that("$title: for Redis to be out of use", sub {
		$self->{node}->safe_psql('postgres', item(900 + ++$n % 100)) for 1 .. 4;
		return $self->status('l2') eq 'down';
	});
	return pass("$title: out of use");
}

# Redis is of use again: what it missed is delivered first.
sub recovered
{
	my ($self, $title) = @_;
	my $node = $self->{node};
	my ($before, $big);

	ok(wait_until($node, 'SELECT l2 || outbox FROM cache_status', 'upempty'), "$title: in use again");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache_outbox'), 0, "$title: the outbox is delivered");
	$self->reconnect;
	$self->write_and_read("$title: and then", 2);
	is($self->read(item(1)), "[{\"v\":$self->{v}}]", "$title: the value");
	ok(wait_until($node, 'SELECT count(*) FROM cache_outbox', 0), "$title: nothing is left");

	$before = counters($node);
	$big = "SET cachefront.l1_max_value = '1kB'; SELECT length(cache_fetch('back:$self->{v}', \$\$SELECT repeat('x', 2000)\$\$)::text)";
	$node->safe_psql('postgres', $big) for 1 .. 2;
	is(since($node, $before, 'l2_hits')->{l2_hits}, 1, "$title: Redis has what was filled");
	return;
}

1;
