# Reads by psycopg 2; prints all that an application can see of them, and to stderr how
# many of each kind were hits.
import io, sys
import psycopg2, psycopg2.extras

TIMES = 8
conn = psycopg2.connect("")
conn.autocommit = True

def hits():
    with conn.cursor() as cur:
        cur.execute("SELECT l1_hits FROM cache_stats WHERE cache = '*'")
        return cur.fetchone()[0]

def section(name, what):
    before = hits()
    for i in range(TIMES):
        print(name, what())
    print(name, hits() - before, file=sys.stderr)

def plain(sql, args=None):
    with conn.cursor() as cur:
        cur.execute(sql, args)
        return [tuple(d) for d in cur.description], cur.rowcount, cur.statusmessage, [
            [bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cur.fetchall()]

def columns():
    with conn.cursor() as cur:
        cur.execute("SELECT id, n, t AS other, id + 1 FROM things WHERE id = 1")
        return [(c.name, c.type_code, c.internal_size, c.precision, c.scale, c.table_oid, c.table_column)
                for c in cur.description]

def named(**options):
    conn.autocommit = False
    with conn.cursor("named", **options) as cur:
        cur.itersize = 3
        cur.execute("SELECT id, t FROM things ORDER BY id")
        rows = cur.fetchmany(2), cur.fetchone(), len(cur.fetchall())
    conn.rollback()
    conn.autocommit = True
    return rows

def copied():
    out = io.StringIO()
    with conn.cursor() as cur:
        cur.copy_expert("COPY (SELECT id, t, n, nothing FROM things ORDER BY id) TO STDOUT", out)
        return cur.rowcount, out.getvalue()

def own_writes():
    conn.autocommit = False
    read = "SELECT t FROM things WHERE id = 5"
    with conn.cursor() as cur:
        seen = []
        cur.execute(read); seen.append(cur.fetchone())
        cur.execute("UPDATE things SET t = 'mine' WHERE id = 5"); seen.append(cur.rowcount)
        cur.execute(read); seen.append(cur.fetchone())
        conn.rollback()
        cur.execute(read); seen.append(cur.fetchone())
        conn.commit()
    conn.autocommit = True
    return seen

def failing():
    with conn.cursor() as cur:
        try:
            cur.execute("SELECT 1 / (id - 1) FROM things WHERE id = 1")
        except psycopg2.Error as e:
            return e.pgcode, e.diag.message_primary, e.diag.statement_position

section("all", lambda: plain("SELECT * FROM things WHERE id < 5 ORDER BY id"))
section("literal", lambda: plain("SELECT id, t FROM things WHERE id = %s AND t <> %s", (1, "it's")))
section("list", lambda: plain("SELECT id FROM things WHERE id = ANY (%s) ORDER BY id", ([1, 2, 9],)))
section("none", lambda: plain("SELECT t FROM things WHERE id = -1"))
section("view", lambda: plain("SELECT * FROM cheap ORDER BY id"))
section("columns", columns)
section("copy", copied)
section("named", named)
section("scroll", lambda: named(scrollable=True))
section("hold", lambda: named(withhold=True))
section("writes", own_writes)
section("error", failing)
section("several", lambda: plain("SELECT t FROM things WHERE id = 6; SELECT n FROM things WHERE id = 7"))
