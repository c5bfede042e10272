//go:build clients

package eval_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// aboutServer reports whether a function tells of what is in a server or goes on in it, so that one cannot compare its
// values with those of another server.
func aboutServer(d fn.Doc, stable bool) bool {
	return d.Category == "server" || d.Category == "catalog" || d.Category == "transaction" && stable
}

// A declaration is a function as PostgreSQL declares it.
type declaration struct {
	Args     []string
	Defaults int16
	Result   string // of several columns their names and types
}

// matches reports whether a call with arguments of these types is one of the function's.
func (d declaration) matches(args []string) bool {
	return len(args) <= len(d.Args) && len(args) >= len(d.Args)-int(d.Defaults) && slices.Equal(args, d.Args[:len(args)])
}

func declarations(t *testing.T, conn *pgx.Conn) map[string][]declaration {
	rows, err := conn.Query(context.Background(), `SELECT proname::text, ARRAY(SELECT format_type(a, NULL)
			FROM unnest(proargtypes) WITH ORDINALITY AS u(a, o) ORDER BY o), pronargdefaults,
		CASE WHEN proargmodes IS NULL THEN format_type(prorettype, NULL) ELSE (
			SELECT string_agg(n || ' ' || format_type(a, NULL), ',' ORDER BY o)
			FROM unnest(proargnames, proargmodes, proallargtypes) WITH ORDINALITY AS u(n, m, a, o) WHERE m IN ('o', 't')) END
		FROM pg_proc WHERE prokind = 'f'`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]declaration{}
	var name string
	var d declaration
	var result *string
	if _, err := pgx.ForEachRow(rows, []any{&name, &d.Args, &d.Defaults, &result}, func() error {
		d.Result = ""
		if result != nil {
			d.Result = *result
		}
		out[name] = append(out[name], declaration{slices.Clone(d.Args), d.Defaults, d.Result})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestServerDeclarations compares the functions whose values cannot be compared with PostgreSQL's declarations of them:
// the types of arguments and results, and the names and types of columns.
func TestServerDeclarations(t *testing.T) {
	there, compared := declarations(t, connect(t)), 0
	check := func(name string, args []types.Type, result string) {
		ds := there[name]
		at := slices.IndexFunc(ds, func(d declaration) bool { return d.matches(typeNames(args)) })
		switch {
		case len(ds) == 0: // an operator, or not PostgreSQL's
		case at < 0:
			t.Errorf("%s(%s): PostgreSQL has no such overload", name, strings.Join(typeNames(args), ","))
		case ds[at].Result != result:
			t.Errorf("%s(%s) gives %s, PostgreSQL's %s", name, strings.Join(typeNames(args), ","), result, ds[at].Result)
		default:
			compared++
		}
	}
	for _, f := range fn.Scalars() {
		if aboutServer(f.Doc, f.Stable) && f.Resolve == nil {
			check(f.Name, f.Args, fn.TypeName(f.Ret))
		}
	}
	for _, f := range fn.Tables() {
		if aboutServer(f.Doc, f.Stable) {
			var cols []string
			for _, c := range f.Cols {
				cols = append(cols, strings.TrimPrefix(c.Name+" "+fn.TypeName(c.Type), " "))
			}
			check(f.Name, f.Args, strings.Join(cols, ","))
		}
	}
	if compared < 300 {
		t.Errorf("%d functions were compared", compared)
	}
}

func typeNames(ts []types.Type) []string {
	var names []string
	for _, t := range ts {
		names = append(names, fn.TypeName(t))
	}
	return names
}

// nowhere are arguments that name nothing.
var nowhere = map[types.Type]string{types.OID: "4000000000::oid", types.Regclass: "4000000000::regclass", types.Text: "'nosuch'",
	types.Name: "'nosuch'", types.Int4: "0", types.Int8: "0", types.Bool: "false", types.XID: "'3'::xid", types.LSN: "'0/0'::pg_lsn"}

// meant are functions that answer otherwise than PostgreSQL: NULL where the thing that they are asked of has to be there,
// or what is so on that server only.
var meant = map[string]bool{
	"pg_collation_actual_version": true, "pg_database_collation_actual_version": true, "pg_current_logfile": true,
	"pg_get_replica_identity_index": true,
	"pg_stat_reset_shared":          true, // of a word that it does not know
	"pg_drop_replication_slot":      true, // whose max_replication_slots is 10
	"pg_jit_available":              true, "pg_stat_get_bgwriter_stat_reset_time": true, "pg_stat_get_buf_alloc": true,
}

// TestServerFunctionsOfNothing compares what the functions of servers answer of things that are not there, on a server on
// which nothing has happened: the SQLSTATE, and the value.
func TestServerFunctionsOfNothing(t *testing.T) {
	conn, compared := connect(t), 0
	for _, f := range fn.Scalars() {
		if f.Doc.Category != "server" {
			continue
		}
		var args []string
		for _, a := range f.Args {
			args = append(args, nowhere[a])
		}
		if slices.Contains(args, "") {
			continue
		}
		expr := f.Name + "(" + strings.Join(args, ", ") + ")"
		if _, err := evaluate(expr); err != nil && sqlerr.From(err).Code == sqlerr.FeatureNotSupported {
			continue
		}
		compared++
		if diff := compare(conn, expr); diff != "" && !meant[f.Name] {
			t.Errorf("%s: %s", expr, diff)
		}
	}
	if compared < 100 {
		t.Errorf("%d functions were compared", compared)
	}
}
