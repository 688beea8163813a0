# A server for tests of what time does to entries: its clock is moved, and it has a query that
# fails when it is to. As real time passes as well, margins are several seconds wide.

package CfTime;

use strict;
use warnings;

use Exporter 'import';
use CfTest qw(:DEFAULT query);

our @EXPORT = qw(advance break_it clean time_node $no_room);

# What the query says that fails.
our $no_room = 'temporary file size exceeds temp_file_limit (0kB)';

# Nothing is jittered or refreshed early unless a cache says so. Arguments: the node's name.
sub time_node
{
	my ($name) = @_;
	my $node = CfTest->node(
		$name,
		'autovacuum' => 'off',
		'cachefront.xfetch_beta' => '0',
		'cachefront.ttl_jitter' => '0',
		'cachefront.flight_timeout' => '10min');

	debug($node);
	$node->safe_psql(
		'postgres', q{
		CREATE TABLE item (id int PRIMARY KEY, val text);
		INSERT INTO item VALUES (1, 'one');
		CREATE TABLE broken (v int);
		CREATE FUNCTION gate(n int) RETURNS int LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(n); RETURN n; END $$;
		-- An error that may be hidden: the server has no room for temporary files.
		CREATE FUNCTION fill_disk() RETURNS bigint LANGUAGE sql
		SET temp_file_limit = 0 SET work_mem = '64kB'
		AS 'SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY -g OFFSET 1) s';
		-- Fails while the table has a row.
		CREATE FUNCTION answer(text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT FROM broken) THEN
				RETURN fill_disk();
			END IF;
			RETURN $1;
		END $$;
	});
	return $node;
}

# Nothing is cached or counted, and nothing is broken.
sub clean
{
	query('SELECT cache_flush(); SELECT cache_stats_reset(); TRUNCATE broken');
	return;
}

# From here on answer() fails.
sub break_it
{
	query('INSERT INTO broken VALUES (1)');
	return;
}

sub advance
{
	my ($by) = @_;

	query("SELECT cf_debug_advance_clock('$by')");
	return;
}

1;
