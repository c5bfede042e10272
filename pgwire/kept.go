package pgwire

import "github.com/leatdb/leat/sql/sqlerr"

// statementBytes is what a prepared statement or a portal is taken to cost beside the bytes the client sent.
const statementBytes = 1 << 10

// keep notes that the session keeps more memory from message to message, and refuses what is too much.
func (c *conn) keep(bytes int64) error {
	if limit := c.server.cfg.MaxSessionBytes; c.kept+bytes > limit {
		return sqlerr.New(sqlerr.ConfigurationLimitExceeded, "the session keeps more than %d MiB", limit>>20).
			WithDetail("Prepared statements, bound parameters and rows of scrollable cursors count.").
			WithHint("Close what is not needed any more; a cursor with NO SCROLL keeps nothing.")
	}
	c.kept += bytes
	return nil
}

// forget drops a prepared statement.
func (c *conn) forget(name string) {
	if st := c.statements[name]; st != nil {
		c.kept -= st.size
		delete(c.statements, name)
	}
}
