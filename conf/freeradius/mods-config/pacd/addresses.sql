-- The addresses of pool "pacd".  Read once, when the database is made. Later ones take the sqlite3 program.
WITH RECURSIVE number(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM number WHERE n < 254)
INSERT INTO radippool (pool_name, framedipaddress) SELECT 'pacd', '192.168.239.' || n FROM number;
