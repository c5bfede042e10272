package pgcatalog

import (
	"time"

	"github.com/leatdb/leat/sql/fn"
)

// clients lists the sessions of the server.
func (s *Source) clients() []fn.ClientState {
	if s.Env == nil || s.Env.Clients == nil {
		return nil
	}
	return s.Env.Clients()
}

// instant is a time as a column holds it; NULL for none.
func instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func activity(s *Source, t *table) {
	for _, c := range s.clients() {
		var host, port any
		if addr, p, ok := c.From(); ok {
			host, port = addr.Stored(), p
		}
		t.add("datid", databaseID, "datname", c.Database, "pid", int(c.PID), "usesysid", s.roleID(c.User), "usename", c.User,
			"application_name", c.Application, "client_addr", host, "client_port", port, "backend_start", instant(c.Started),
			"xact_start", instant(c.Transaction), "query_start", instant(c.Statement), "state_change", instant(c.Changed),
			"state", text(c.State), "query", c.Query, "backend_type", "client backend")
	}
}

// locks lists who holds and who waits for locks: of the rows of relations, as locks of the relation, and advisory ones.
func locks(s *Source, t *table) {
	if s.Env == nil || s.Env.Locks == nil {
		return
	}
	for _, l := range s.Env.Locks() {
		row := []any{"locktype", l.Type, "database", databaseID, "pid", int(l.PID), "mode", l.Mode, "granted", l.Granted,
			"fastpath", false}
		if l.Type == "advisory" {
			row = append(row, "classid", l.Class, "objid", l.Object, "objsubid", l.Part)
		} else {
			row = append(row, "relation", l.Relation)
		}
		t.add(row...)
	}
}

func preparedStatements(s *Source, t *table) {
	if s.Env == nil || s.Env.Prepared == nil {
		return
	}
	for _, p := range s.Env.Prepared() {
		types := make([]int, len(p.Types))
		for i, typ := range p.Types {
			types[i] = int(typ.OID())
		}
		t.add("name", p.Name, "statement", p.Text, "prepare_time", p.At.UnixMicro(), "parameter_types", types,
			"from_sql", p.FromSQL, "generic_plans", 0, "custom_plans", 0)
	}
}

func zones(s *Source, t *table) {
	for _, z := range fn.TimeZones(time.UnixMicro(s.Env.Now)) {
		t.add("name", z.Name, "abbrev", z.Abbreviation, "utc_offset", time.Duration(z.OffsetSeconds)*time.Second,
			"is_dst", z.Summer)
	}
}
