package fn

import (
	"slices"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// transactionID is the number of the statement's transaction: the time of it, as numbers only have to grow.
func (e *Env) transactionID() int64 { return max(e.Now, 3) }

// transactionDecls declares what tells of transactions and of the log that they are written to.
func transactionDecls() []Scalar {
	xid, xid8, i8, i4 := types.XID, types.XID8, types.Int8, types.Int4
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "transaction", Summary: summary}})
	}
	zero := func(_ Row, out *vec.Column) error { out.AppendInt(0); return nil }
	for _, name := range []string{"age", "mxid_age"} {
		add(name, in(xid), i4, zero, "Is 0 of a transaction: their numbers do not run out.")
	}
	now := func(r Row, out *vec.Column) error { out.AppendInt(r.Env.transactionID()); return nil }
	for _, d := range []struct {
		prefix, snapshot string
		id, of           types.Type
	}{{"txid_", "txid_current_snapshot", i8, types.TxidSnapshot}, {"pg_", "pg_current_snapshot", xid8, types.Snapshot}} {
		add(d.snapshot, nil, d.of, func(r Row, out *vec.Column) error {
			id := r.Env.transactionID()
			out.AppendString(types.TransactionSnapshot{Min: id, Max: id}.String())
			return nil
		}, "Tells which transactions the statement sees: those before its own.")
		fs = append(fs, snapshotDecls(d.prefix, d.id, d.of)...)
	}
	add("txid_current", nil, i8, now, "Gives a number of the transaction, which only grows.")
	add("pg_current_xact_id", nil, xid8, now, "Gives a number of the transaction, which only grows.")
	add("txid_current_if_assigned", nil, i8, null, "Is NULL: transactions are numbered when they are asked for it.")
	add("pg_current_xact_id_if_assigned", nil, xid8, null,
		"Is NULL: transactions are numbered when they are asked for it.")
	const status = "Is in progress for the statement's own transaction, and NULL for those before: how they " +
		"ended is not kept."
	add("txid_status", in(i8), types.Text, transactionStatus, status)
	add("pg_xact_status", in(xid8), types.Text, transactionStatus, status)
	fs = append(fs, Scalar{Name: "xid", Args: in(xid8), Ret: xid, Strict: true,
		Kernel: rowwise(func(r Row, out *vec.Column) error { out.AppendInt(int64(uint32(r.Int(0)))); return nil }),
		Doc:    Doc{Category: "transaction", Summary: "Leaves the upper half of the number of a transaction out."}})
	return slices.Concat(fs, logDecls(), placeDecls())
}

// snapshotDecls declares what takes snapshots of one type apart; prefix begins the names.
func snapshotDecls(prefix string, id, of types.Type) []Scalar {
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string) {
		fs = append(fs, Scalar{Name: prefix + name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f),
			Doc: Doc{Category: "transaction", Summary: summary}})
	}
	add("snapshot_xmin", in(of), id, ofSnapshot(of, types.TransactionSnapshot.First),
		"Gives the first transaction that may be running.")
	add("snapshot_xmax", in(of), id, ofSnapshot(of, types.TransactionSnapshot.End),
		"Gives the first transaction that had not begun.")
	add("visible_in_snapshot", in(id, of), types.Bool, func(r Row, out *vec.Column) error {
		v, err := types.ParseSnapshot(of, r.Text(1))
		out.AppendBool(v.Sees(r.Int(0)))
		return err
	}, "Tells whether a snapshot sees a transaction.")
	return fs
}

// logDecls declares what tells of the log.
func logDecls() []Scalar {
	lsn := types.LSN
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Stable: true, Kernel: rowwise(f),
			Doc: Doc{Category: "transaction", Summary: summary}})
	}
	for _, name := range []string{"pg_current_wal_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn"} {
		add(name, nil, lsn, func(r Row, out *vec.Column) error {
			if r.Env.Storage == nil {
				out.AppendInt(0)
			} else {
				out.AppendInt(r.Env.Storage.Position())
			}
			return nil
		}, "Tells how much has been appended to the topics: how many records, in the form of a place in a log.")
	}
	add("pg_walfile_name", in(lsn), types.Text, func(r Row, out *vec.Column) error {
		return sqlerr.New(sqlerr.FeatureNotSupported, "there are no files of a write-ahead log of PostgreSQL's")
	}, "Fails: the log is not kept in PostgreSQL's files.")
	return fs
}

// placeDecls declares what computes with places in a log.
func placeDecls() []Scalar {
	lsn := types.LSN
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f),
			Doc: Doc{Category: "transaction", Summary: summary, Examples: ex(examples...)}})
	}
	for _, name := range []string{"pg_wal_lsn_diff", "-"} {
		add(name, in(lsn, lsn), types.Numeric, func(r Row, out *vec.Column) error {
			out.AppendDec(types.DecimalFromInt64(r.Int(0) - r.Int(1)))
			return nil
		}, "Tells how far two places of a log are apart.", "'0/20'::pg_lsn - '0/10'::pg_lsn", "16")
	}
	for sign, name := range map[int64]string{1: "+", -1: "-"} {
		add(name, in(lsn, types.Numeric), lsn, moveLSN(0, sign), "Moves a place of a log.")
	}
	add("+", in(types.Numeric, lsn), lsn, moveLSN(1, 1), "Moves a place of a log.")
	add("pg_lsn", in(types.Numeric), lsn, func(r Row, out *vec.Column) error { return appendLSN(out, r.Dec(0)) },
		"Makes a place of a log of a number.", "pg_lsn(256)", "0/100")
	return fs
}

func ofSnapshot(t types.Type, f func(types.TransactionSnapshot) int64) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		v, err := types.ParseSnapshot(t, r.Text(0))
		out.AppendInt(f(v))
		return err
	}
}

func transactionStatus(r Row, out *vec.Column) error {
	id, now := r.Int(0), r.Env.transactionID()
	switch {
	case id > now:
		return sqlerr.New(sqlerr.InvalidParameterValue, "transaction ID %d is in the future", id)
	case id == now:
		out.AppendString("in progress")
	default:
		out.AppendNull()
	}
	return nil
}

// moveLSN moves the place that argument at is by the other argument.
func moveLSN(at int, sign int64) func(r Row, out *vec.Column) error {
	verb, side := "add", "to"
	if sign < 0 {
		verb, side = "subtract", "from"
	}
	return func(r Row, out *vec.Column) error {
		by := r.Dec(1 - at)
		if by.IsNaN() {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot %s NaN %s pg_lsn", verb, side)
		}
		if sign < 0 {
			by = by.Neg()
		}
		to, err := types.DecimalFromInt64(r.Int(at)).Add(by)
		if err != nil {
			return err
		}
		return appendLSN(out, to)
	}
}

// appendLSN adds the place of a log that has a number.
func appendLSN(out *vec.Column, d types.Decimal) error {
	switch {
	case d.IsNaN():
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert NaN to pg_lsn")
	case d.IsInf():
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert infinity to pg_lsn")
	}
	v, ok := d.Int64()
	if !ok || v < 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "pg_lsn out of range")
	}
	out.AppendInt(v)
	return nil
}
