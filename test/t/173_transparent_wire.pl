# What clients do by messages of the protocol gives the same with plain SELECTs served as
# without: portals that stay open, limits of rows, pipelines, statements bound while others run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;

use CfTest;
use CfWire;

my $node = CfTest->node('portals', 'cachefront.track_changes' => 'on', 'cachefront.transparent_min_saving' => 0);
my $many = 'SELECT id, v FROM items ORDER BY id';

$node->safe_psql(
	'postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v text);
	CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 50) AS v FROM generate_series(1, 3000) g;
	SELECT cache_define('query', xfetch_beta => 0)});

# As it was before each scene.
sub reset_tables
{
	$node->safe_psql('postgres',
		"TRUNCATE items; INSERT INTO items SELECT g, 'v' || g FROM generate_series(1, 8) g");
	return;
}

sub change
{
	my ($sql) = @_;

	$node->safe_psql('postgres', $sql);
	return '';
}

# What the messages after "begin" bring, until everything is done.
sub pipeline
{
	my ($wire, $code) = @_;

	$code->($wire);
	$wire->sync;
	return $wire->until('Z');
}

my %scenes = (
	'rows in parts' => sub {
		my ($wire) = @_;

		$wire->parse('', $many);
		$wire->bind('', '');
		$wire->describe('');
		$wire->execute('', 3) foreach 1 .. 4;
		$wire->sync;
		return $wire->until('Z');
	},
	'a change between parts' => sub {
		my ($wire) = @_;
		my $said;

		$wire->parse('', $many);
		$wire->bind('', '');
		$wire->execute('', 3);
		$wire->flush;
		$said = $wire->until('s');
		change("UPDATE items SET v = 'later'");
		$wire->execute('', 0);
		$wire->sync;
		return $said . $wire->until('Z');
	},
	'bound before a change, executed after it' => sub {
		my ($wire) = @_;
		my $said;

		$wire->parse('', $many);
		$wire->bind('', '');
		$wire->flush;
		$said = $wire->until('2');
		change("UPDATE items SET v = 'later'");
		$wire->execute('', 0);
		$wire->sync;
		return $said . $wire->until('Z');
	},
	'bound before a change that another has read' => sub {
		my ($wire) = @_;
		my $other = CfWire->new($node, 'cachefront.transparent' => 'auto');
		my $said;

		$wire->parse('', $many);
		$wire->bind('', '');
		$wire->flush;
		$said = $wire->until('2');
		change("UPDATE items SET v = 'later'");
		$other->query($many) foreach 1 .. 3;
		$other->quit;
		$wire->execute('', 0);
		$wire->sync;
		return $said . $wire->until('Z');
	},
	'two bound, an own write between' => sub {
		my ($wire) = @_;

		$wire->parse('', $many);
		$wire->bind('a', '');
		$wire->parse('', "INSERT INTO items VALUES (9, 'own')");
		$wire->bind('', '');
		$wire->execute('');
		$wire->execute('a');
		$wire->parse('', $many);
		$wire->bind('', '');
		$wire->execute('');
		$wire->sync;
		return $wire->until('Z');
	},
	'a write that is rolled back' => sub {
		my ($wire) = @_;
		my $said = $wire->query('BEGIN');

		$said .= pipeline(
			$wire,
			sub {
				$wire->parse('', "INSERT INTO items VALUES (9, 'own')");
				$wire->bind('', '');
				$wire->execute('');
				$wire->parse('', $many);
				$wire->bind('b', '');
				$wire->execute('b', 2);
			});
		$said .= $wire->query('ROLLBACK');
		return $said . $wire->query($many);
	},
	'a portal around a failed savepoint' => sub {
		my ($wire) = @_;
		my $said = $wire->query('BEGIN');

		$said .= pipeline($wire,
			sub { $wire->parse('', $many); $wire->bind('c', ''); $wire->execute('c', 2) });
		$said .= $wire->query('SAVEPOINT s');
		$said .= $wire->query('SELECT 1 / 0');
		$said .= $wire->query('ROLLBACK TO s');
		$said .= pipeline($wire, sub { $wire->execute('c') });
		return $said . $wire->query('COMMIT');
	},
	'an error in a portal within a savepoint' => sub {
		my ($wire) = @_;
		my $said = $wire->query('BEGIN; SAVEPOINT s');

		$said .= pipeline(
			$wire,
			sub {
				$wire->parse('', 'SELECT id, 1 / (id - 5) FROM items ORDER BY id');
				$wire->bind('d', '');
				$wire->execute('d', 3);
				$wire->execute('d', 0);
			});
		$said .= $wire->query('ROLLBACK TO s');
		$said .= $wire->query($many);
		return $said . $wire->query('COMMIT');
	},
	'a portal by SQL' => sub {
		my ($wire) = @_;
		my $said = $wire->query('BEGIN');

		$said .= pipeline($wire, sub { $wire->parse('', $many); $wire->bind('e', ''); });
		$said .= $wire->query('SAVEPOINT s');
		$said .= $wire->query('FETCH 2 FROM e');
		$said .= $wire->query('FETCH FORWARD ALL FROM e');
		$said .= $wire->query('FETCH BACKWARD 1 FROM e');
		$said .= $wire->query('ROLLBACK TO s; FETCH ABSOLUTE 1 FROM e');
		return $said . $wire->query('ROLLBACK');
	},
	'a limit of rows that all rows fit in' => sub {
		my ($wire) = @_;

		return pipeline(
			$wire,
			sub {
				$wire->parse('', $many);
				$wire->bind('', '');
				$wire->execute('', 8);
				$wire->execute('', 8);
				$wire->execute('', 0);
			});
	},
	'executed twice' => sub {
		my ($wire) = @_;

		return pipeline($wire,
			sub { $wire->parse('', $many); $wire->bind('', ''); $wire->execute('') foreach 1 .. 2; });
	},
	'closed early' => sub {
		my ($wire) = @_;

		return pipeline(
			$wire,
			sub {
				$wire->parse('', $many);
				$wire->bind('f', '');
				$wire->execute('f', 1);
				$wire->close_portal('f');
				$wire->bind('f', '');
				$wire->execute('f', 0);
			});
	},
	'types of one text' => sub {
		my ($wire) = @_;

		return pipeline(
			$wire,
			sub {
				foreach my $type (23, 20, 21, 1700, 25)
				{
					$wire->parse('', 'SELECT id, v, $1 AS p FROM items WHERE id = 3', $type);
					$wire->bind('', '', '7');
					$wire->describe('');
					$wire->execute('');
				}
			});
	},
	'a role between bind and execute' => sub {
		my ($wire) = @_;
		my $said = $wire->query('BEGIN');

		$said .= pipeline($wire, sub { $wire->parse('', $many); $wire->bind('g', ''); });
		$said .= $wire->query('SET LOCAL ROLE pg_monitor');
		$said .= pipeline($wire, sub { $wire->execute('g') });
		return $said . $wire->query('ROLLBACK');
	},
	'a large result in parts' => sub {
		my ($wire) = @_;
		my $said = pipeline(
			$wire,
			sub {
				$wire->parse('', 'SELECT id, v FROM big ORDER BY id');
				$wire->bind('', '');
				$wire->execute('', 1000);
				$wire->execute('', 0);
			});

		return length($said) . substr $said, -40;
	});

foreach my $name (sort keys %scenes)
{
	my @said;

	foreach my $mode ('off', ('auto') x 2)
	{
		my $wire = CfWire->new($node, 'cachefront.transparent' => $mode);

		foreach (1 .. $mode eq 'off' ? 1 : 3)
		{
			reset_tables();
			# What has been read before is there.
			$wire->query($many) foreach 1 .. 3;
			push @said, $scenes{$name}->($wire);
		}
		foreach (1 .. $mode eq 'off' ? 0 : 2)
		{
			reset_tables();
			push @said, $scenes{$name}->($wire);
		}
		$wire->quit;
	}
	my $plain = shift @said;
	my @other = grep { $_ ne $plain } @said;

	is($other[0] // $plain, $plain, $name);
}

cmp_ok(stat($node, 'l1_hits'), '>', 50, 'some came from the cache');

done_testing();
