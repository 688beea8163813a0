SELECT c.name AS category, count(DISTINCT l.order_id) AS orders,
       sum(l.quantity) AS units, sum(l.quantity * l.price) AS revenue
FROM order_lines l
     JOIN products p ON p.id = l.product_id
     JOIN categories c ON c.id = p.category_id
GROUP BY c.name
ORDER BY revenue DESC
