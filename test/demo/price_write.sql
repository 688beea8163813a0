\set id random(1, :products)
UPDATE products SET price = price + 0.01 WHERE id = :id;
