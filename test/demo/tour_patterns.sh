# shellcheck shell=bash
# The tour's third act: an application that knows nothing of the cache, writes that are
# collected, and commits that load. Sourced by demo.sh.

tour_patterns()
{
	tour_plain
	tour_counter
	tour_through
}

# Transactions a second of shop traffic by plain SELECTs, with the setting's value.
shop_traffic()
{
	local dir tps

	dir=$(mktemp -d /tmp/cf-demo.XXXXXX)
	cat >"$dir/shop.sql" <<-'SQL'
		\set category random(1, 40)
		\set product random(1, 50)
		SELECT name, price, stock FROM products WHERE id = :product;
		SELECT p.name, sum(l.quantity) AS sold FROM products p JOIN order_lines l ON l.product_id = p.id WHERE p.category_id = :category AND p.id < 4000 GROUP BY p.name ORDER BY sold DESC LIMIT 5;
	SQL
	PGOPTIONS="-c cachefront.transparent=$1" "$BIN/pgbench" -n -c 4 -j 1 -T "$2" \
		-f "$dir/shop.sql" >"$dir/out" 2>&1 || {
		cat "$dir/out" >&2
		return 1
	}
	tps=$(awk '/^tps = / { print $3 }' "$dir/out")
	rm -rf "$dir"
	echo "$tps"
}

tour_plain()
{
	local off on

	chapter '9. An application that knows nothing of the cache'
	text 'Shop traffic by plain SELECTs, a product and the best sellers of a category, before and after'
	code "ALTER ROLE app SET cachefront.transparent = 'auto';"
	busy 'measuring without it ...'
	off=$(shop_traffic off 5)
	busy 'measuring with it ...'
	shop_traffic auto 3 >/dev/null
	on=$(shop_traffic auto 5)
	busy ''
	label 'pages a second, without'
	value "$(awk -v t="$off" 'BEGIN { printf "%.0f", t }')"
	label 'pages a second, with'
	value "$(thousands "$(awk -v t="$on" 'BEGIN { printf "%.0f", t }')")" "$(times "$on" "$off") times"
	label 'kinds of statements that it pays for'
	value "$(ask "SELECT count(*) FROM cache_advise WHERE saved > 1 AND query LIKE '%products%'")" 'the view cache_advise says which, and why not others'
}

tour_counter()
{
	local dir before after

	ask 'DROP TABLE IF EXISTS page_views;
		CREATE TABLE page_views (page int PRIMARY KEY, views bigint NOT NULL);
		INSERT INTO page_views VALUES (1, 0)' >/dev/null
	ask "SELECT cache_define_writer('page_views', write => \$w\$UPDATE page_views p SET views = p.views + b.value
			FROM unnest(\$1::int[], \$2::bigint[]) AS b(page, value) WHERE p.page = b.page\$w\$,
		arg_types => '{int}', merge => 'sum', flush_interval => '500 ms')" >/dev/null
	chapter "10. $CLIENTS sessions raise one counter, 100 times each"
	text 'A worker adds the sums up; each increment counts if and only if its transaction commits:'
	code "SELECT cache_add('page_views', 1, 1);"
	dir=$(mktemp -d /tmp/cf-demo.XXXXXX)
	echo "SELECT cache_add('page_views', 1, 1);" >"$dir/add.sql"
	before=$(ask "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'page_views'")
	"$BIN/pgbench" -n -c "$CLIENTS" -j 1 -t 100 -f "$dir/add.sql" >"$dir/out" 2>&1 || cat "$dir/out" >&2
	label 'increments a second'
	value "$(thousands "$(awk '/^tps = / { printf "%.0f", $3 }' "$dir/out")")"
	ask 'SELECT cache_flush_writes()' >/dev/null
	label 'the counter'
	value "$(thousands "$(ask 'SELECT views FROM page_views WHERE page = 1')")"
	after=$(ask "SELECT pg_sleep(1); SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'page_views'" | tail -n 1)
	label 'writes of its row'
	value "$((after - before))" "instead of 10,000"
	rm -rf "$dir"
	ask "SELECT cache_drop_writer('page_views')" >/dev/null
}

tour_through()
{
	local mode
	local -A loads

	chapter '11. A commit that loads what it has changed'
	text 'A hundred times: the price of a product changes, and somebody reads it:'
	code "SELECT cache_attach('products', cache => 'price', arg_columns => '{id}', rows => '{id}', mode => 'refresh');"
	ask "SELECT cache_drop('price') FROM cache_definitions WHERE name = 'price';
		SELECT cache_define('price', query => 'SELECT price FROM products WHERE id = \$1', arg_types => '{int}', scope => 'shared')" >/dev/null
	for mode in invalidate refresh; do
		if [[ $mode == refresh ]]; then
			ask "SELECT cache_attach('products', cache => 'price', arg_columns => '{id}', rows => '{id}', mode => 'refresh')" >/dev/null
		fi
		ask "SELECT cache_read('price', 4711); SELECT cache_read('price', 4711); SELECT cache_stats_reset()" >/dev/null
		for _ in {1..100}; do
			echo "UPDATE products SET price = price + 0.01 WHERE id = 4711; SELECT cache_read('price', 4711);"
		done | "$BIN/psql" -XqAt >/dev/null
		loads[$mode]=$(counter price misses)
	done
	label 'readers that found nothing, rows invalidate'
	value "${loads[invalidate]}"
	label 'readers that found nothing, commits load'
	value "${loads[refresh]}"
	ask "SELECT cache_detach('products', cache => 'price'); SELECT cache_drop('price')" >/dev/null 2>&1 || true
}
