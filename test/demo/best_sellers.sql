SELECT p.name, sum(l.quantity) AS units
FROM order_lines l JOIN products p ON p.id = l.product_id
WHERE p.category_id = $1
GROUP BY p.id
ORDER BY units DESC
LIMIT 3
