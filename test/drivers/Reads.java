// Reads by pgjdbc; prints all that an application can see of them, and to stderr how many
// of each kind were hits.
import java.sql.*;
import java.util.*;

public class Reads {
    static final int TIMES = 8;
    static final String ALL = "SELECT * FROM things WHERE id < 5 ORDER BY id";
    static Connection conn, counting;

    interface What { String run() throws SQLException; }

    static long hits() throws SQLException {
        try (Statement s = counting.createStatement();
             ResultSet r = s.executeQuery("SELECT l1_hits FROM cache_stats WHERE cache = '*'")) {
            r.next();
            return r.getLong(1);
        }
    }

    static void section(String name, What what) throws SQLException {
        long before = hits();
        for (int i = 0; i < TIMES; i++) {
            String seen;
            try {
                seen = what.run();
            } catch (SQLException e) {
                seen = e.getSQLState() + " " + e.getMessage();
                if (!conn.getAutoCommit()) conn.rollback();
            } catch (RuntimeException e) {
                seen = e.toString();    // what this driver cannot read it does not read either way
            }
            System.out.println(name + " " + seen);
        }
        System.err.println(name + " " + (hits() - before));
    }

    static String show(Object value) throws SQLException {
        if (value instanceof byte[]) return Arrays.toString((byte[]) value);
        if (value instanceof java.sql.Array) return Arrays.deepToString((Object[]) ((java.sql.Array) value).getArray());
        if (value instanceof SQLXML) return ((SQLXML) value).getString();
        return value == null ? "null" : value.getClass().getName() + " " + value;
    }

    static String show(ResultSet rows) throws SQLException {
        StringBuilder out = new StringBuilder();
        ResultSetMetaData data = rows.getMetaData();

        for (int c = 1; c <= data.getColumnCount(); c++)
            out.append(data.getColumnLabel(c) + ":" + data.getColumnName(c) + ":" + data.getTableName(c) + ":"
                + data.getColumnTypeName(c) + ":" + data.getPrecision(c) + ":" + data.getScale(c) + ":"
                + data.isNullable(c) + ":" + data.isAutoIncrement(c) + " ");
        while (rows.next()) {
            out.append("\n ");
            for (int c = 1; c <= data.getColumnCount(); c++) out.append(" | " + show(rows.getObject(c)));
        }
        return out.toString();
    }

    static String simple(String sql) throws SQLException {
        try (Statement s = conn.createStatement(); ResultSet r = s.executeQuery(sql)) { return show(r); }
    }

    static String with(PreparedStatement s, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
        try (ResultSet r = s.executeQuery()) { return show(r); }
    }

    static String some(PreparedStatement s, int size, int most) throws SQLException {
        conn.setAutoCommit(false);
        s.setFetchSize(size);
        try (ResultSet r = s.executeQuery()) {
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < most && r.next(); i++) out.append(r.getInt(1) + " " + r.getString(2) + ", ");
            return out.toString();
        } finally {
            conn.commit();
            conn.setAutoCommit(true);
        }
    }

    static String scrolled() throws SQLException {
        try (Statement s = conn.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
             ResultSet r = s.executeQuery("SELECT id, t FROM things WHERE id = 8")) {
            r.absolute(1);
            r.updateString(2, "thing " + 8);
            r.updateRow();
            r.last();
            return r.getRow() + r.getString(2);
        }
    }

    static String ownWrites(PreparedStatement read) throws SQLException {
        conn.setAutoCommit(false);
        try (Statement s = conn.createStatement()) {
            String out = with(read, 5);
            out += s.executeUpdate("UPDATE things SET t = 'mine' WHERE id = 5") + with(read, 5);
            Savepoint here = conn.setSavepoint();
            s.executeUpdate("UPDATE things SET t = 'undone' WHERE id = 5");
            out += with(read, 5);
            conn.rollback(here);
            out += with(read, 5);
            conn.rollback();
            return out + with(read, 5);
        } finally {
            conn.rollback();
            conn.setAutoCommit(true);
        }
    }

    static String several() throws SQLException {
        try (Statement s = conn.createStatement()) {
            StringBuilder out = new StringBuilder();
            boolean more = s.execute("SELECT t FROM things WHERE id = 6; SELECT n FROM things WHERE id = 7");
            for (; more; more = s.getMoreResults()) out.append(show(s.getResultSet()));
            return out.toString();
        }
    }

    static String copied() throws SQLException {
        java.io.StringWriter out = new java.io.StringWriter();
        try {
            long rows = conn.unwrap(org.postgresql.PGConnection.class).getCopyAPI().copyOut(
                "COPY (SELECT id, t, n, nothing FROM things ORDER BY id) TO STDOUT", out);
            return rows + " " + out;
        } catch (java.io.IOException e) {
            throw new SQLException(e);
        }
    }

    public static void main(String[] args) throws SQLException {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT")
            + "/" + System.getenv("PGDATABASE") + "?user=" + System.getenv("PGUSER") + "&";

        counting = DriverManager.getConnection(url);
        // Simple protocol; extended; prepared by the server as of the fifth time, and binary; at once.
        for (String how : new String[] {"preferQueryMode=simple", "prepareThreshold=0", "prepareThreshold=5",
                                        "prepareThreshold=1", "prepareThreshold=-1", "binaryTransfer=false"}) {
            conn = DriverManager.getConnection(url + how);
            PreparedStatement byId = conn.prepareStatement("SELECT id, t, n, b, ia, m, p FROM things WHERE id = ?");
            PreparedStatement many = conn.prepareStatement("SELECT id, t FROM things WHERE id > 2 ORDER BY id");
            PreparedStatement list = conn.prepareStatement("SELECT id FROM things WHERE id = ANY (?) ORDER BY id");
            boolean extended = !how.contains("simple");

            section(how + " statement", () -> simple(ALL));
            section(how + " prepared", () -> with(byId, 1));
            section(how + " prepared", () -> with(byId, 2));
            section(how + " null", () -> { byId.setNull(1, Types.INTEGER); return show(byId.executeQuery()); });
            section(how + " none", () -> with(byId, -1));
            if (extended)
                section(how + " list", () -> with(list, conn.createArrayOf("int4", new Integer[] {1, 2, 9})));
            section(how + " several", () -> several());
            // What is read to its end in parts is kept; of that others may read less.
            if (extended) {
                section(how + " in parts", () -> some(many, 3, 100));
                section(how + " in part", () -> some(many, 3, 5));
            }
            section(how + " portal", () -> some(many, 100, 100));
            section(how + " portal", () -> some(many, 3, 100));
            section(how + " portal", () -> some(many, 3, 5));
            section(how + " updatable", () -> scrolled());
            section(how + " copy", () -> copied());
            section(how + " writes", () -> ownWrites(byId));
            section(how + " error", () -> simple("SELECT 1 / (id - 1) FROM things WHERE id = 1"));
            conn.close();
        }
        counting.close();
    }
}
