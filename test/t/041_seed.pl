# What hashes are keyed with: a secret of the cluster, so that nobody can choose a
# tag for its clock, and all servers of the cluster compute alike what stands in
# the WAL and in Redis; another cluster has another.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../perl";
use PostgreSQL::Test::Utils;
use Test::More;
use CfTest;

require_debug();

sub start
{
	my ($name) = @_;
	my $node = CfTest->node($name, 'cachefront.hash_seed' => 0, 'cachefront.history_size' => '64kB');

	$node->safe_psql(
		'postgres', q{CREATE FUNCTION cf_debug_tag_hash(text) RETURNS bigint
		LANGUAGE C AS '$libdir/cachefront', 'cachefront_debug_tag_hash'});
	return $node;
}

my $node = start('main');
my $other = start('other');

sub tag
{
	return $_[0]->safe_psql('postgres', q{SELECT cf_debug_tag_hash('a tag')});
}

sub identity
{
	return $_[0]->safe_psql(
		'postgres', q{SELECT value FROM cache_explain('k', 'SELECT $1::int', 1)
		WHERE item = 'identity'});
}

my $tag = tag($node);
my $identity = identity($node);
like($identity, qr/^[0-9a-f]{32}$/, 'an identity');
is(tag($node), $tag, 'one hash in every session');
is(identity($node), $identity, 'and one identity');
isnt(tag($other), $tag, 'another server: another hash');
isnt(identity($other), $identity, 'and another identity');

$node->restart;
is(tag($node), $tag, 'the next start: the same hash');
is(identity($node), $identity, 'the same identity');

$node->append_conf('postgresql.conf', 'cachefront.hash_seed = 7');
$node->restart;
$tag = tag($node);
$node->restart;
is(tag($node), $tag, 'with a seed that is set the hash stays');
is(identity($node), $identity, 'and the identity, too');

$_->stop foreach $node, $other;
unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal|WARNING:/, 'clean log')
  foreach $node, $other;

done_testing();
