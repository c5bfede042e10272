package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/leatdb/leat/sql/catalog"
)

// together is a statement of several parts, each of which reads what was there before the first.
type together struct {
	cut    cut
	before *Tx // what the transaction had changed
}

// Together runs a statement of several parts, which read rels and change some of them: what one changes the others do
// not see. When somebody else has changed a row that a part wants to change, a transaction that reads what is
// committed takes all of them back and runs them again, over a new cut.
func (tx *Tx) Together(ctx context.Context, rels []*catalog.Relation, run func() error) error {
	rels = slices.DeleteFunc(slices.Clone(rels), func(r *catalog.Relation) bool { return r.Computed() })
	for {
		c, err := tx.look(ctx, rels, true)
		if err != nil {
			return translate(err)
		}
		begun := tx.Savepoint()
		tx.together = &together{c, &Tx{e: tx.e, blind: slices.Clone(tx.blind), tables: copyTables(tx.tables)}}
		err = run()
		tx.together = nil
		tx.looked()
		switch {
		case !errors.Is(err, errMoved):
			return translate(err)
		case tx.level != ReadCommitted:
			return serializationFailure()
		case ctx.Err() != nil:
			return translate(ctx.Err())
		}
		tx.RollbackTo(begun)
	}
}

// reader is the transaction as queries see it; nil where there is none.
func (tx *Tx) reader() *Tx {
	if tx != nil && tx.together != nil {
		return tx.together.before
	}
	return tx
}
