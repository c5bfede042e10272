import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** What programs do with pgjdbc: metadata, pages, batches, values in binary, COPY, notifications, and a push query. */
public class Jdbc {
  static Connection open(String address, String... options) throws SQLException {
    Properties p = new Properties();
    p.setProperty("user", "leat");
    for (String o : options) {
      p.setProperty(o.substring(0, o.indexOf('=')), o.substring(o.indexOf('=') + 1));
    }
    return DriverManager.getConnection("jdbc:postgresql://" + address + "/leat", p);
  }

  static void check(boolean ok, Object got) {
    if (!ok) {
      throw new AssertionError(got);
    }
  }

  static List<String> column(ResultSet rs, String name) throws SQLException {
    List<String> out = new ArrayList<>();
    while (rs.next()) {
      out.add(rs.getString(name));
    }
    return out;
  }

  static void metadata(Connection c) throws SQLException {
    DatabaseMetaData m = c.getMetaData();
    List<String> tables = column(m.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME");
    check(tables.containsAll(List.of("customers", "numbered", "orders")), tables);
    check(column(m.getTables(null, "public", "%", new String[] {"VIEW"}), "TABLE_NAME").equals(List.of("rich")), "views");
    List<String> kept = column(m.getTables(null, "public", "%", new String[] {"MATERIALIZED VIEW"}), "TABLE_NAME");
    check(kept.equals(List.of("totals")), kept);
    List<String> columns = column(m.getColumns(null, "public", "customers", null), "COLUMN_NAME");
    check(columns.equals(List.of("id", "name", "email", "since", "balance", "tags", "extra")), columns);
    ResultSet name = m.getColumns(null, "public", "customers", "name");
    check(name.next() && name.getString("REMARKS").equals("as it is printed") && name.getString("IS_NULLABLE").equals("NO"),
        "column name");
    check(column(m.getPrimaryKeys(null, "public", "customers"), "COLUMN_NAME").equals(List.of("id")), "key");
    List<String> indexes = column(m.getIndexInfo(null, "public", "customers", false, false), "COLUMN_NAME");
    check(indexes.containsAll(List.of("id", "email")), indexes);
    ResultSet auto = m.getColumns(null, "public", "numbered", "id");
    check(auto.next() && auto.getString("IS_AUTOINCREMENT").equals("YES"), "identity");
    check(column(m.getSchemas(), "TABLE_SCHEM").contains("public"), "schemas");
    check(column(m.getTypeInfo(), "TYPE_NAME").containsAll(List.of("int4", "text", "jsonb")), "types");
    check(!column(m.getFunctions(null, null, "abs"), "FUNCTION_NAME").isEmpty(), "functions");
    for (ResultSet rs : List.of(m.getImportedKeys(null, "public", "customers"), m.getExportedKeys(null, "public", "customers"),
        m.getCrossReference(null, null, "customers", null, null, "orders"), m.getProcedures(null, null, "%"),
        m.getTablePrivileges(null, "public", "customers"), m.getColumnPrivileges(null, "public", "customers", "%"),
        m.getBestRowIdentifier(null, "public", "customers", 2, true), m.getVersionColumns(null, "public", "customers"),
        m.getUDTs(null, null, "%", null), m.getCatalogs(), m.getTableTypes(), m.getClientInfoProperties(),
        m.getFunctionColumns(null, null, "abs", "%"), m.getProcedureColumns(null, null, "abs", "%"))) {
      while (rs.next()) {
        rs.getString(1);
      }
    }
    check(m.getSQLKeywords().length() > 0 && m.getDatabaseProductName().equals("PostgreSQL"), m.getDatabaseProductName());
  }

  static void statements(String address) throws SQLException {
    // Every statement is prepared by name at once, and values are read in binary.
    try (Connection c = open(address, "prepareThreshold=-1", "reWriteBatchedInserts=true")) {
      String query = "SELECT id, name, balance, since, tags, since::timestamptz, 2.5::float8, true FROM customers WHERE id = ?";
      try (PreparedStatement s = c.prepareStatement(query)) {
        for (int i = 0; i < 3; i++) {
          s.setInt(1, 1);
          ResultSet r = s.executeQuery();
          check(r.next() && r.getInt(1) == 1 && r.getString(2).equals("Ada"), "row");
          check(r.getBigDecimal(3).equals(new BigDecimal("1000.50")), r.getBigDecimal(3));
          check(r.getObject(4, LocalDate.class).equals(LocalDate.of(2024, 1, 1)), r.getObject(4));
          check(((String[]) r.getArray(5).getArray())[1].equals("b c"), r.getArray(5));
          check(r.getTimestamp(6).getTime() > 0 && r.getDouble(7) == 2.5 && r.getBoolean(8), "others");
        }
      }
      c.setAutoCommit(false);
      try (PreparedStatement s = c.prepareStatement("INSERT INTO customers (id, name) VALUES (?, ?)")) {
        for (int i = 100; i < 200; i++) {
          s.setInt(1, i);
          s.setString(2, "c" + i);
          s.addBatch();
        }
        check(s.executeBatch().length == 100, "batch");
      }
      c.commit();
      try (Statement s = c.createStatement()) {
        s.setFetchSize(7);
        int n = 0;
        for (ResultSet r = s.executeQuery("SELECT id FROM customers WHERE id >= 100"); r.next(); n++) {}
        check(n == 100, n);
      }
      c.commit();
      Savepoint before = c.setSavepoint();
      try (Statement s = c.createStatement()) {
        s.executeUpdate("INSERT INTO customers (id, name) VALUES (100, 'again')");
        check(false, "a duplicate went in");
      } catch (SQLException e) {
        check(e.getSQLState().equals("23505"), e);
      }
      c.rollback(before);
      try (PreparedStatement s = c.prepareStatement("INSERT INTO numbered (word) VALUES ('a')", Statement.RETURN_GENERATED_KEYS)) {
        s.executeUpdate();
        ResultSet keys = s.getGeneratedKeys();
        check(keys.next() && keys.getLong(1) == 1, "generated key");
      }
      try (Statement s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
        ResultSet r = s.executeQuery("SELECT id, name FROM customers WHERE id = 100");
        check(r.next(), "updatable");
        r.updateString("name", "renamed");
        r.updateRow();
      }
      c.commit();
      try (Statement s = c.createStatement()) {
        ResultSet r = s.executeQuery("SELECT name FROM customers WHERE id = 100");
        check(r.next() && r.getString(1).equals("renamed"), "an updated row");
      }
      c.commit();
    }
  }

  static void extensions(Connection c, Connection other) throws Exception {
    PGConnection pg = c.unwrap(PGConnection.class);
    check(pg.getCopyAPI().copyIn("COPY customers (id, name) FROM STDIN", new StringReader("300\tx\n301\ty\n")) == 2, "COPY");
    StringWriter out = new StringWriter();
    pg.getCopyAPI().copyOut("COPY (SELECT id FROM customers WHERE id >= 300 ORDER BY id) TO STDOUT", out);
    check(out.toString().equals("300\n301\n"), out);
    try (Statement s = c.createStatement(); Statement t = other.createStatement()) {
      s.execute("LISTEN channel");
      t.execute("NOTIFY channel, 'hello'");
      PGNotification[] heard = pg.getNotifications(0);
      check(heard[0].getParameter().equals("hello"), heard);
    }
    Statement slow = c.createStatement();
    Thread canceller = new Thread(() -> {
      try {
        for (boolean waits = false; !waits; ) {
          try (Statement t = other.createStatement()) {
            ResultSet r = t.executeQuery("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)' AND state = 'active'");
            waits = r.next() && r.getInt(1) == 1;
          }
        }
        slow.cancel();
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    });
    canceller.start();
    try {
      slow.execute("SELECT pg_sleep(1000)");
      check(false, "it slept");
    } catch (SQLException e) {
      check(e.getSQLState().equals("57014"), e);
    }
    canceller.join();
  }

  static void push(String address) throws SQLException {
    try (Connection c = open(address)) {
      c.createStatement().execute("SET auto_offset_reset = 'earliest'");
      c.setAutoCommit(false);
      Statement s = c.createStatement();
      s.setFetchSize(1);
      ResultSet r = s.executeQuery("SELECT id, amount FROM orders EMIT CHANGES");
      double total = 0;
      for (int i = 0; i < 3; i++) {
        check(r.next(), "the push query ended");
        total += r.getDouble(2);
      }
      check(total == 17, total);
      r.close();
      c.rollback();
    }
  }

  public static void main(String[] args) throws Exception {
    try (Connection c = open(args[0]); Connection other = open(args[0])) {
      metadata(c);
      statements(args[0]);
      extensions(c, other);
    }
    push(args[0]);
    System.out.println("ok");
  }
}
