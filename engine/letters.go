package engine

import (
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
)

// What is set aside goes to leat_catalog.errors, or with ON ERROR DEAD LETTER INTO to a stream with the same columns.
// It is written with the step that found it, so each letter is there once.

// letterBox writes what is set aside to one stream.
type letterBox struct {
	rel *catalog.Relation
	enc *encoder
	ids []cluster.PartitionID
	// from gives for each column of the stream the one of leat_catalog.errors, -1 where there is none.
	from  []int
	whole bool // records are kept as a whole
	parts []log.Builder
}

// newLetterBox returns a box for a stream.
func newLetterBox(rel *catalog.Relation, ids []cluster.PartitionID, whole bool) (*letterBox, error) {
	enc, err := newEncoder(rel)
	if err != nil {
		return nil, err
	}
	b := &letterBox{rel: rel, enc: enc, ids: ids, whole: whole, parts: make([]log.Builder, len(ids))}
	letters := catalog.ErrorColumns()
	for _, c := range rel.Columns {
		b.from = append(b.from, slices.IndexFunc(letters, func(l catalog.Column) bool {
			return l.Name == c.Name && l.Type == c.Type
		}))
	}
	return b, nil
}

// boxOf returns the box for dead letters that go to the stream with an ID, that of leat_catalog.errors where there is
// none.
func (f *flow) boxOf(into uint32) *letterBox {
	s := f.sources[into]
	if s == nil {
		return f.errorBox
	}
	if b := f.letters[into]; b != nil && b.rel == s.rel {
		return b
	}
	var ids []cluster.PartitionID
	for _, p := range s.parts {
		ids = append(ids, p.id)
	}
	b, err := newLetterBox(s.rel, ids, true)
	if err != nil { // it was altered since
		return f.errorBox
	}
	f.letters[into] = b
	return b
}

// emitErrors adds the step's bad records to its output.
func (f *flow) emitErrors() {
	var used []*letterBox
	for i := range f.bad {
		b := f.boxOf(f.bad[i].into)
		if !slices.Contains(used, b) {
			used = append(used, b)
		}
		b.add(f, i)
	}
	for _, b := range used {
		for part := range b.parts {
			b.flush(f, part)
		}
	}
	f.bad = f.bad[:0]
}

// add writes the i-th bad record of the step.
func (b *letterBox) add(f *flow, i int) {
	row := errorRow(f.now, &f.bad[i], b.whole)
	cols := row.Cols
	if b.whole {
		cols = cols[:0:0]
		for k, from := range b.from {
			if from < 0 {
				cols = append(cols, nullColumn(b.rel.Columns[k].Type, 1))
			} else {
				cols = append(cols, row.Cols[from])
			}
		}
	}
	key, value := b.enc.record(cols, 0)
	part := partitionOf(key, i, len(b.parts))
	b.parts[part].Append(key, value, floorDiv(f.now, 1000), nil)
	if b.parts[part].Size() >= batchBytes {
		b.flush(f, part)
	}
}

// flush hands the records of a partition to the flow.
func (b *letterBox) flush(f *flow, part int) {
	if b.parts[part].Len() > 0 {
		f.emit(b.ids[part], b.parts[part].Finish())
		b.parts[part].Reset()
	}
}
