package engine

import (
	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// counts are the sequences that number a new column in the rows that are there, by the name of the sequence in its
// schema: while a relation is altered nobody else draws.
type counts map[[2]string]*count

type count struct {
	id uint32
	reached
}

func countKey(q *catalog.Relation) [2]string { return [2]string{q.Schema, q.Name} }

// alterSequences adds to a change what becomes of the sequences of a relation that is altered. The caller holds seqs.mu
// and ddl.
func (e *Engine) alterSequences(p *planner.AlterPlan, change *cluster.Change) (counts, error) {
	out := counts{}
	for _, q := range p.Draw {
		if q == nil || q.ID == 0 {
			continue
		}
		_, s, err := e.sequence(q.ID)
		if err != nil {
			return nil, err
		}
		out[countKey(q)] = &count{q.ID, s.reached}
		delete(e.seqs.open, q.ID)
	}
	if len(p.Rel.Own) > 0 {
		first, err := e.nextID()
		if err != nil {
			return nil, err
		}
		for i, q := range p.Rel.Own {
			out[countKey(q)] = &count{first + uint32(i), reached{Last: q.Numbers.Start}}
		}
		if err := e.makeSequences(p.Rel, first, change); err != nil {
			return nil, err
		}
	}
	for _, q := range p.Sequences {
		if err := putAll(change, q); err != nil {
			return nil, err
		}
		at, restart := p.Restart[q.ID]
		if _, s, err := e.sequence(q.ID); err != nil {
			return nil, err
		} else if !restart {
			putCounted(change, q.ID, s.reached)
		} else {
			putCounted(change, q.ID, reached{Last: at})
		}
		delete(e.seqs.open, q.ID)
	}
	return out, nil
}

// dropUnowned adds to a change that sequences go whose columns do.
func (e *Engine) dropUnowned(p *planner.AlterPlan, change *cluster.Change, notice func(what string)) error {
	gone := map[uint32]*catalog.Relation{p.Rel.ID: p.Rel}
	for _, q := range p.Unowned {
		dropped := described(q)
		if p.Rel.ColumnIndex(q.Numbers.Column) < 0 {
			dropped = "column " + q.Numbers.Column + " of " + described(p.Rel)
		}
		if err := e.undraw(q, dropped, gone, p.Cascade, change, notice); err != nil {
			return err
		}
		change.Delete = append(change.Delete, relationKey(q.ID), sequenceKey(q.ID))
	}
	return nil
}

// column is a column of one number, the next of a sequence.
func (c counts) column(q *catalog.Relation, t types.Type) (*vec.Column, error) {
	at := c[countKey(q)]
	if err := at.next(q); err != nil {
		return nil, err
	}
	if lowest, highest := catalog.Range(t.Base()); at.Last < lowest || at.Last > highest {
		return nil, sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", t.Base())
	}
	return vec.ConstColumn(types.Value{Type: t, Int: at.Last}), nil
}

// put adds to a change where the sequences are.
func (c counts) put(change *cluster.Change) {
	for _, at := range c {
		putCounted(change, at.id, at.reached)
	}
}
