package engine

import (
	"context"
	"strconv"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// sequences hand out numbers. The catalog knows the first number of each that nobody may have drawn: it is moved on in
// blocks, so a crash skips what is left of a block. Numbers drawn by a transaction that fails are gone, as in
// PostgreSQL.
type sequences struct {
	mu   sync.Mutex
	open map[string]*sequence
}

// sequence is what may be handed out before the catalog must be asked: [next, end).
type sequence struct{ next, end, block int64 }

const (
	sequencePrefix   = "sequence/"
	firstBlock       = 32
	largestBlock     = 4096
	sequenceBeginsAt = 1
)

// NextVal draws the next number of a sequence.
func (e *Engine) NextVal(name string) (int64, error) {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	s := e.seqs.open[name]
	if s == nil {
		s = &sequence{block: firstBlock}
	}
	if s.next == s.end {
		if err := e.reserve(name, s); err != nil {
			return 0, err
		}
		e.seqs.open[name] = s
	}
	s.next++
	return s.next - 1, nil
}

// reserve takes the next block of a sequence from the catalog.
func (e *Engine) reserve(name string, s *sequence) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	_, docs := e.node.Documents()
	doc, ok := docs[sequencePrefix+name]
	if !ok {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", name)
	}
	at, err := strconv.ParseInt(string(doc), 10, 64)
	if err != nil {
		return sqlerr.New(sqlerr.DataCorrupted, "sequence %q cannot be read: %s", name, err.Error())
	}
	next := sequence{next: at, end: at + s.block, block: min(2*s.block, largestBlock)}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{
		sequencePrefix + name: strconv.AppendInt(nil, next.end, 10)}}
	if err := e.update(context.Background(), change); err != nil {
		return translate(err)
	}
	*s = next
	return nil
}

// RestartSequence lets a sequence begin anew.
func (e *Engine) RestartSequence(ctx context.Context, name string) error {
	return e.SetSequence(ctx, name, sequenceBeginsAt)
}

// SetSequence lets a sequence go on with a number.
func (e *Engine) SetSequence(ctx context.Context, name string, next int64) error {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	delete(e.seqs.open, name)
	return translate(e.update(ctx, cluster.Change{IfVersion: e.version, Put: map[string][]byte{
		sequencePrefix + name: strconv.AppendInt(nil, next, 10)}}))
}

// returnNumbers gives back at shutdown what was reserved and not drawn.
func (e *Engine) returnNumbers() {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	_, docs := e.node.Documents()
	for name, s := range e.seqs.open {
		if _, ok := docs[sequencePrefix+name]; ok && s.next < s.end {
			change.Put[sequencePrefix+name] = strconv.AppendInt(nil, s.next, 10)
		}
	}
	clear(e.seqs.open)
	if len(change.Put) == 0 {
		return
	}
	if err := e.update(context.Background(), change); err != nil {
		e.log.Warn("numbers of sequences are skipped", "error", err)
	}
}

// sequencesOf are the names of the sequences that number columns of a relation.
func sequencesOf(rel *catalog.Relation) []string {
	var names []string
	for _, c := range rel.Columns {
		if name, ok := c.Sequence(); ok {
			names = append(names, name)
		}
	}
	return names
}

// makeSequences adds to a change the sequences of a new relation.
func makeSequences(rel *catalog.Relation, change *cluster.Change) {
	for _, name := range sequencesOf(rel) {
		change.Put[sequencePrefix+name] = strconv.AppendInt(nil, sequenceBeginsAt, 10)
	}
}

// dropSequences adds to a change that those of a relation go.
func (e *Engine) dropSequences(rel *catalog.Relation, change *cluster.Change) {
	for _, name := range sequencesOf(rel) {
		change.Delete = append(change.Delete, sequencePrefix+name)
	}
}

// forgetSequences drops what is reserved of sequences that are gone.
func (e *Engine) forgetSequences(rel *catalog.Relation) {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	for _, name := range sequencesOf(rel) {
		delete(e.seqs.open, name)
	}
}
