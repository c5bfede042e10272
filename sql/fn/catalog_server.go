package fn

import (
	"strings"
	"time"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// started is when the program began.
var started = time.Now().UnixMicro()

// serverDecls declares what tells of the server and who is connected.
func serverDecls() []Scalar {
	text, i8, i4, oid := types.Text, types.Int8, types.Int4, types.OID
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
	add("pg_is_in_recovery", nil, types.Bool, falsehood, "Is false: this server is no standby.",
		"pg_is_in_recovery()", "f")
	for _, n := range []string{"pg_is_wal_replay_paused", "pg_rotate_logfile"} {
		add(n, nil, types.Bool, falsehood, "Is false: this server is no standby, and has no log file.")
	}
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
	for _, n := range []string{"inet_server_addr", "inet_client_addr"} {
		add(n, nil, text, null, "Is NULL, as over a Unix socket.")
	}
	for _, n := range []string{"inet_server_port", "inet_client_port"} {
		add(n, nil, i4, null, "Is NULL, as over a Unix socket.")
	}
	add("txid_current", nil, i8, func(r Row, out *vec.Column) error {
		out.AppendInt(max(r.Env.Now, 1))
		return nil
	}, "Gives a number of the transaction, which only grows.")
	return fs
}
