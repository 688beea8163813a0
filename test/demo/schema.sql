-- The shop of the demo: 40 categories, 200,000 products, 250,000 orders with
-- four lines each. demo.sh fills orders and order_lines in steps, with orders.sql,
-- and adds what refers to other tables at the end, with constraints.sql.

CREATE TABLE categories (
    id   int PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE products (
    id          int PRIMARY KEY,
    category_id int NOT NULL,
    name        text NOT NULL,
    price       numeric(10, 2) NOT NULL,
    stock       int NOT NULL
);

CREATE TABLE orders (
    id          int PRIMARY KEY,
    customer_id int NOT NULL,
    ordered_at  timestamptz NOT NULL
);

CREATE TABLE order_lines (
    order_id   int,
    line       int,
    product_id int NOT NULL,
    quantity   int NOT NULL,
    price      numeric(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

INSERT INTO categories
SELECT id, name
FROM unnest(string_to_array('Armchairs,Bags,Bedding,Bicycles,Boots,Bowls,Cameras,'
    'Candles,Carpets,Chargers,Clocks,Coats,Curtains,Desks,Drills,Earphones,Frames,'
    'Games,Garden tools,Gloves,Hats,Heaters,Jackets,Kettles,Keyboards,Knives,Lamps,'
    'Mirrors,Mugs,Pans,Phones,Pillows,Plants,Printers,Radios,Scarves,Shelves,Sofas,'
    'Tables,Watches', ',')) WITH ORDINALITY AS c (name, id);

SELECT setseed(0.42);

INSERT INTO products
SELECT id,
       1 + id % 40,
       (ARRAY['Small', 'Large', 'Light', 'Classic', 'Modern', 'Quiet', 'Plain', 'Bright'])[1 + id / 40 % 8]
       || ' ' ||
       (ARRAY['oak', 'steel', 'linen', 'glass', 'wool', 'cork', 'copper', 'paper', 'leather', 'stone'])[1 + id / 320 % 10]
       || ' no. ' || id,
       (1 + 200 * random() ^ 3)::numeric(10, 2),
       (1000 * random())::int
FROM generate_series(1, 200000) AS id;
