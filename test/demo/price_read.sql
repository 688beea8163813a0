\set id random(1, :products)
SELECT cache_fetch_row('product:' || :id, 'SELECT id, name, price FROM products WHERE id = $1', (:id));
