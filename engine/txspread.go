package engine

import (
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// What a transaction writes is one entry of the log, which checks what it depends on, when all of it is at home. Rows
// for streams that are spread over the nodes are written as one all the same (cluster.Node.AppendTogether), those for
// other streams with them, but nothing is checked then. So tables cannot be changed in such a transaction, and a
// serializable one that has read anything cannot write to such a stream, nor write at all when it has read one.

// MayWrite refuses to write to a relation what could not be written together with what the transaction has changed.
func (tx *Tx) MayWrite(rel *catalog.Relation) error {
	spread := rel.Placement == catalog.Spread
	switch {
	case rel.Kind == catalog.Table && !spread && slices.ContainsFunc(tx.blind, isSpread):
		return sqlerr.New(sqlerr.FeatureNotSupported,
			"cannot change table %q in a transaction that writes to a stream spread over the nodes", rel.Name).
			WithHint("COMMIT first.")
	case spread && (len(tx.tables) > 0 || slices.ContainsFunc(tx.blind, isTable)):
		return errSpreadAndTables(rel)
	case spread && len(tx.reads) > 0:
		return errSerialSpread()
	}
	return nil
}

// isSpread reports whether a write is to a stream that is spread over the nodes.
func isSpread(w Write) bool { return w.Rel.Placement == catalog.Spread }

// oneShard refuses an entry that cannot be written with its guards because some of it is spread over the nodes.
func (tx *Tx) oneShard(appends []cluster.Append, guards []cluster.Guard) error {
	i := slices.IndexFunc(tx.blind, isSpread)
	if i >= 0 && (len(tx.tables) > 0 || slices.ContainsFunc(tx.blind, isTable)) {
		return errSpreadAndTables(tx.blind[i].Rel)
	}
	if len(guards) == 0 {
		return nil
	}
	var ids []cluster.PartitionID
	for _, g := range guards {
		ids = append(ids, g.Partition)
	}
	for _, a := range appends {
		ids = append(ids, a.Partition)
	}
	if tx.e.anySpread(ids) {
		return errSerialSpread()
	}
	return nil
}

func errSpreadAndTables(rel *catalog.Relation) error {
	return sqlerr.New(sqlerr.FeatureNotSupported,
		"cannot write to %q, which is spread over the nodes, in a transaction that changes tables", rel.Name).
		WithHint("COMMIT first, or make the stream over a topic with placement = 'home'.")
}

func errSerialSpread() error {
	return sqlerr.New(sqlerr.FeatureNotSupported,
		"a serializable transaction cannot write when it reads from, or writes to, what is spread over the nodes").
		WithHint("That nothing has changed meanwhile can be checked in one shard only. Use REPEATABLE READ.")
}
