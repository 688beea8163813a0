# Reads through pgbouncer: clients that take turns with few connections, also under
# another role for the time of a transaction; prints what each sees.
import sys
import psycopg

clients = [psycopg.connect("", autocommit=True, prepare_threshold=None) for _ in range(6)]
read = "SELECT id, t, n, m, p, ia FROM things WHERE id < %s ORDER BY id"

def one(conn, sql, args=None):
    try:
        return conn.execute(sql, args).fetchall()
    except psycopg.Error as e:
        return e.sqlstate, e.diag.message_primary

for i in range(8):
    for conn in clients:
        print("read", one(conn, read, (4,)))
for i in range(8):
    for conn in clients:
        print("owner", one(conn, "SELECT name FROM secrets"))
        with conn.transaction():
            conn.execute("SET LOCAL ROLE reader")
            print("reader", one(conn, read, (4,)))
            print("view", one(conn, "SELECT * FROM cheap ORDER BY id"))
            with psycopg.connect("") as other:
                print("role", conn.execute("SELECT current_user").fetchone(), one(other, "SELECT name FROM secrets"))
        try:
            with conn.transaction():
                conn.execute("SET LOCAL ROLE reader")
                print(conn.execute("SELECT name FROM secrets").fetchall())
        except psycopg.Error as e:
            print("refused", e.sqlstate, e.diag.message_primary)
for i, conn in enumerate(clients):
    with conn.transaction():
        conn.execute("UPDATE secrets SET name = %s", ("secret %d" % i,))
        print("own", one(conn, "SELECT name FROM secrets"))
        print("others", [one(other, "SELECT name FROM secrets") for other in clients[i + 1:i + 3]])
    print("all", [one(other, "SELECT name FROM secrets") for other in clients])
clients[0].execute("UPDATE secrets SET name = 'a secret'")
