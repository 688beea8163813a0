-- What refers to other tables, and what the planner has to know.

ALTER TABLE products ADD FOREIGN KEY (category_id) REFERENCES categories;
ALTER TABLE order_lines ADD FOREIGN KEY (order_id) REFERENCES orders,
                        ADD FOREIGN KEY (product_id) REFERENCES products;
CREATE INDEX ON products (category_id);
CREATE INDEX ON order_lines (product_id);
VACUUM (ANALYZE) categories, products, orders, order_lines;
