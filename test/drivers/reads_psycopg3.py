# Reads by psycopg 3 and, below it, libpq; prints all that an application can see of
# them, and to stderr how many of each kind were hits.
import sys
import psycopg
from psycopg import pq

TIMES = 8
conn = psycopg.connect("", autocommit=True)
counting = psycopg.connect("", autocommit=True, prepare_threshold=None)

def hits():
    return counting.execute("SELECT l1_hits FROM cache_stats WHERE cache = '*'").fetchone()[0]

def section(name, what):
    before = hits()
    for i in range(TIMES):
        print(name, what())
    print(name, hits() - before, file=sys.stderr)

def seen(cur):
    return ([(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cur.description],
            cur.rowcount, cur.statusmessage, cur.fetchall())

def plain(sql, args=None, **options):
    with conn.cursor(binary=options.pop("binary", False)) as cur:
        return seen(cur.execute(sql, args, **options))

def client_side():
    with psycopg.ClientCursor(conn) as cur:
        return seen(cur.execute("SELECT id, t FROM things WHERE id < %s ORDER BY id", (4,)))

def named(**options):
    with conn.transaction(), conn.cursor("named", **options) as cur:
        cur.itersize = 3
        cur.execute("SELECT id, t FROM things WHERE id > %s ORDER BY id", (2,))
        return cur.fetchmany(2), cur.fetchone(), len(cur.fetchall())

def streamed():
    with conn.cursor() as cur:
        return list(cur.stream("SELECT id, n FROM things WHERE id > %s ORDER BY id", (30,)))

def streamed_in_part():
    with conn.cursor() as cur:
        for row in cur.stream("SELECT id, n FROM things WHERE id > %s ORDER BY id", (30,)):
            return row

def copied(form):
    with conn.cursor() as cur:
        with cur.copy("COPY (SELECT id, t, n, b FROM things ORDER BY id) TO STDOUT (FORMAT %s)" % form) as copy:
            return b"".join(bytes(block) for block in copy), cur.rowcount, cur.statusmessage

def pipelined():
    with conn.pipeline():
        cursors = [conn.execute("SELECT id, t FROM things WHERE id = %s", (i,)) for i in (1, 2, 1, -1)]
        return [c.fetchall() for c in cursors]

def own_writes():
    read = "SELECT t FROM things WHERE id = %s"
    out = []
    try:
        with conn.transaction():
            out.append(plain(read, (5,))[3])
            out.append(conn.execute("UPDATE things SET t = 'mine' WHERE id = %s", (5,)).rowcount)
            out.append(plain(read, (5,))[3])
            try:
                with conn.transaction():
                    conn.execute("UPDATE things SET t = 'undone' WHERE id = %s", (5,))
                    out.append(plain(read, (5,))[3])
                    raise psycopg.Rollback()
            except psycopg.Rollback:
                pass
            out.append(plain(read, (5,))[3])
            raise psycopg.Rollback()
    except psycopg.Rollback:
        pass
    out.append(plain(read, (5,))[3])
    return out

def failing(sql, args=None):
    try:
        return plain(sql, args)
    except psycopg.Error as e:
        return e.sqlstate, e.diag.message_primary, e.diag.statement_position

# All that the protocol says of a result.
def raw(result):
    return (pq.ExecStatus(result.status).name, result.command_status, result.command_tuples,
            [(result.fname(i), result.ftable(i), result.ftablecol(i), result.ftype(i), result.fsize(i), result.fmod(i),
              result.fformat(i)) for i in range(result.nfields)],
            [[result.get_value(r, c) for c in range(result.nfields)] for r in range(result.ntuples)])

wide = b"SELECT * FROM things WHERE id < $1 ORDER BY id"
mixed = b"SELECT t.id AS number, t.n, t.n2, t.vc, t.ch, upper(t.t), c.name, t.nothing, NULL FROM things t LEFT JOIN cheap c USING (id) WHERE t.id < $1 ORDER BY t.id"
low = conn.pgconn

def prepared(sql, form):
    return raw(low.describe_prepared(b"p_%d" % (sql is wide))), raw(
        low.exec_prepared(b"p_%d" % (sql is wide), [b"4"], result_format=form))

section("text", lambda: plain("SELECT * FROM things WHERE id < %s ORDER BY id", (5,)))
section("binary", lambda: plain("SELECT * FROM things WHERE id < %s ORDER BY id", (5,), binary=True))
section("prepared", lambda: plain("SELECT id, t FROM things WHERE id = %s", (2,), prepare=True))
section("unprepared", lambda: plain("SELECT id, t FROM things WHERE id = %s", (3,), prepare=False))
for i in range(3):
    section("by value", lambda: plain("SELECT id, t FROM things WHERE id = %s", (10 + i,)))
section("simple", lambda: raw(low.exec_(b"SELECT id, n, t FROM things WHERE id < 3 ORDER BY id")))
section("client", client_side)
section("none", lambda: plain("SELECT t FROM things WHERE id = %s", (-1,)))
section("null", lambda: plain("SELECT t FROM things WHERE id = %s", (None,)))
section("list", lambda: plain("SELECT id FROM things WHERE id = ANY (%s) ORDER BY id", ([1, 2, 9],)))
section("view", lambda: plain("SELECT * FROM cheap ORDER BY id"))
section("libpq text", lambda: raw(low.exec_params(wide, [b"4"], result_format=0)))
section("libpq binary", lambda: raw(low.exec_params(wide, [b"4"], result_format=1)))
section("libpq mixed", lambda: raw(low.exec_params(mixed, [b"4"], result_format=1)))
for sql in (wide, mixed):
    low.prepare(b"p_%d" % (sql is wide), sql)
    section("described", lambda: prepared(sql, 0))
    section("described", lambda: prepared(sql, 1))
section("stream", streamed)
section("part", streamed_in_part)
section("copy", lambda: copied("text"))
section("copy binary", lambda: copied("binary"))
section("pipeline", pipelined)
section("named", named)
section("scroll", lambda: named(scrollable=True))
section("hold", lambda: named(withhold=True))
section("writes", own_writes)
section("error", lambda: failing("SELECT 1 / (id - 1) FROM things WHERE id = 1"))
section("error", lambda: failing("SELECT 1 / (id - %s) FROM things WHERE id = 1", (1,)))
section("error", lambda: failing("SELECT t::int FROM things WHERE id = %s", (1,)))
conn.execute("ALTER TABLE things ADD COLUMN later int DEFAULT 7")
section("more columns", lambda: plain("SELECT * FROM things WHERE id = %s", (1,)))
section("error", lambda: raw(low.exec_prepared(b"p_1", [b"4"])))
conn.execute("ALTER TABLE things DROP COLUMN later")
