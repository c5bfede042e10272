package fn

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// started is when the program began.
var started = time.Now().UnixMicro()

// serverDecls declares what tells of the server and who is connected.
func serverDecls() []Scalar {
	i8, i4, oid := types.Int8, types.Int4, types.OID
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "catalog", Summary: summary, Examples: ex(examples...)}})
	}
	zero := func(_ Row, out *vec.Column) error { out.AppendInt(0); return nil }
	add("pg_stat_get_numscans", in(oid), i8, zero, "Is 0: reads are not counted by relation.")
	add("pg_blocking_pids", in(i4), types.ArrayOf(i4), func(r Row, out *vec.Column) error {
		if r.Env.Blockers != nil {
			for _, pid := range r.Env.Blockers(int32(r.Int(0))) {
				out.Kids[0].AppendInt(int64(pid))
			}
		}
		out.CloseList()
		return nil
	}, "Lists the sessions that hold the locks that a session waits for.")
	return append(fs, sessionServerDecls()...)
}

// sessionServerDecls declares what tells of the server and of the session.
func sessionServerDecls() []Scalar {
	text, i4, oid := types.Text, types.Int4, types.OID
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "catalog", Summary: summary, Examples: ex(examples...)}})
	}
	add("pg_is_in_recovery", nil, types.Bool, falsehood, "Is false: this server is no standby.",
		"pg_is_in_recovery()", "f")
	add("pg_rotate_logfile", nil, types.Bool, falsehood, "Is false: the server has no log file.")
	add("pg_stat_get_db_numbackends", in(oid), i4, func(r Row, out *vec.Column) error {
		n := 0
		if r.Env.Clients != nil {
			n = len(r.Env.Clients())
		}
		out.AppendInt(int64(n))
		return nil
	}, "Tells how many sessions there are.")
	add("current_query", nil, text, func(r Row, out *vec.Column) error {
		c, ok := r.Env.client()
		return appendFound(out, ok, func() (string, bool) { return c.Query, true })
	}, "Gives the text of the statement that the client sent.")
	add("pg_is_other_temp_schema", in(oid), types.Bool, func(r Row, out *vec.Column) error {
		name, ok := r.objectName("pg_namespace")
		out.AppendBool(ok && strings.HasPrefix(name, "pg_temp_") && name != r.Env.setting("leat.temp", ""))
		return nil
	}, "Tells whether a schema is the temporary one of another session.")
	add("pg_my_temp_schema", nil, oid, func(r Row, out *vec.Column) error {
		if temp := r.Env.setting("leat.temp", ""); temp != "" && r.Env.Catalog != nil {
			out.AppendInt(r.Env.Catalog.Find("pg_namespace", "", temp)[0])
		} else {
			out.AppendInt(0)
		}
		return nil
	}, "Gives the number of the session's temporary schema, 0 while it has none.")
	add("pg_conf_load_time", nil, tz, func(_ Row, out *vec.Column) error {
		out.AppendInt(started)
		return nil
	}, "Gives the time at which the configuration was read: when the server began.")
	add("pg_postmaster_start_time", nil, tz, func(_ Row, out *vec.Column) error {
		out.AppendInt(started)
		return nil
	}, "Gives the time at which the server began.")
	add("pg_safe_snapshot_blocking_pids", in(i4), types.ArrayOf(i4), func(_ Row, out *vec.Column) error {
		out.CloseList()
		return nil
	}, "Is empty: no session waits for a safe snapshot.")
	add("inet_client_addr", nil, types.Inet, func(r Row, out *vec.Column) error {
		c, _ := r.Env.client()
		addr, _, ok := c.From()
		return appendFound(out, ok, func() (string, bool) { return addr.Stored(), true })
	}, "Gives the address of the client; NULL when it is not known.")
	add("inet_client_port", nil, i4, func(r Row, out *vec.Column) error {
		c, _ := r.Env.client()
		if _, port, ok := c.From(); ok {
			out.AppendInt(int64(port))
		} else {
			out.AppendNull()
		}
		return nil
	}, "Gives the port of the client; NULL when it is not known.")
	add("inet_server_addr", nil, types.Inet, null, "Is NULL: by which of its addresses a server was reached is not kept.")
	add("inet_server_port", nil, i4, null, "Is NULL: by which of its ports a server was reached is not kept.")
	return fs
}

// client is the session that asks.
func (e *Env) client() (ClientState, bool) {
	if e.Clients != nil {
		for _, c := range e.Clients() {
			if strconv.Itoa(int(c.PID)) == e.setting("leat.pid", "") {
				return c, true
			}
		}
	}
	return ClientState{}, false
}

// From is where the client is connected from; not ok when that is not known.
func (c *ClientState) From() (addr types.Network, port int, ok bool) {
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return addr, 0, false
	}
	return types.Network{Prefix: host(at.Addr().Unmap().WithZone(""))}, int(at.Port()), true
}
