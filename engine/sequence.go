package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// sequences hand out numbers. The catalog knows of each how far it may have come: that is moved on in blocks, so a
// crash skips what is left of a block. Numbers drawn by a transaction that fails are gone, as in PostgreSQL.
type sequences struct {
	mu   sync.Mutex
	open map[uint32]*sequence
}

// sequence is where a sequence is, and how many numbers may be drawn before the catalog must be told.
type sequence struct {
	reached
	left, block int
}

// reached is where a sequence is: the number drawn last, or the first one when none has been.
type reached struct {
	Last   int64 `json:"last"`
	Called bool  `json:"called,omitempty"`
}

const (
	sequencePrefix = "sequence/"
	firstBlock     = 33 // as PostgreSQL
	largestBlock   = 4096
)

func sequenceKey(id uint32) string { return sequencePrefix + strconv.FormatUint(uint64(id), 10) }

// next moves on by one number.
func (c *reached) next(seq *catalog.Relation) error {
	if !c.Called {
		c.Called = true
		return nil
	}
	n, ok := seq.Numbers.Next(c.Last)
	if !ok {
		kind, limit := "maximum", seq.Numbers.Max
		if seq.Numbers.Step < 0 {
			kind, limit = "minimum", seq.Numbers.Min
		}
		return sqlerr.New(sqlerr.SequenceLimitExceeded, "nextval: reached %s value of sequence \"%s\" (%d)", kind,
			seq.Name, limit)
	}
	c.Last = n
	return nil
}

// NextVals draws the next numbers of a sequence: as many as it caches, or fewer where they end.
func (e *Engine) NextVals(id uint32) ([]int64, error) {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	seq, s, err := e.sequence(id)
	if err != nil {
		return nil, err
	}
	var drawn []int64
	for len(drawn) < int(seq.Numbers.Cache) {
		before := s.reached
		if err = s.next(seq); err == nil && s.left == 0 {
			if err = e.reserve(seq, s); err != nil {
				s.reached = before
				return nil, err
			}
		}
		if err != nil {
			break
		}
		s.left--
		drawn = append(drawn, s.Last)
	}
	if len(drawn) > 0 {
		err = nil
	}
	return drawn, err
}

// sequence finds a sequence. The caller holds seqs.mu.
func (e *Engine) sequence(id uint32) (*catalog.Relation, *sequence, error) {
	seq, ok := e.Catalog().ByID(id)
	if !ok || seq.Kind != catalog.Sequence {
		return nil, nil, sqlerr.New(sqlerr.UndefinedTable, "could not open relation with OID %d", id)
	}
	s := e.seqs.open[id]
	if s != nil {
		return seq, s, nil
	}
	s = &sequence{block: firstBlock}
	_, docs := e.node.Documents()
	if err := json.Unmarshal(docs[sequenceKey(id)], &s.reached); err != nil {
		return nil, nil, sqlerr.New(sqlerr.DataCorrupted, "sequence %q cannot be read: %s", seq.Name, err.Error())
	}
	if !e.Follows() { // else another node draws from it
		e.seqs.open[id] = s
	}
	return seq, s, nil
}

// reserve tells the catalog that the number that s has come to and a block behind it may be drawn.
func (e *Engine) reserve(seq *catalog.Relation, s *sequence) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if _, ok := e.Catalog().ByID(seq.ID); !ok {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", seq.Name)
	}
	end, left := s.reached, 1
	for left < s.block && end.next(seq) == nil {
		left++
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	putCounted(&change, seq.ID, end)
	if err := e.update(context.Background(), change); err != nil {
		return translate(err)
	}
	s.left, s.block = left, min(2*s.block, largestBlock)
	return nil
}

// putCounted adds to a change where a sequence is.
func putCounted(change *cluster.Change, id uint32, at reached) {
	doc, err := json.Marshal(at)
	if err != nil {
		panic("BUG: a number that cannot be written: " + err.Error())
	}
	change.Put[sequenceKey(id)] = doc
}

// SequenceState tells where a sequence is: the number drawn last, or with called false the one that comes first; left
// is how many may be drawn before the catalog is told.
func (e *Engine) SequenceState(id uint32) (last int64, called bool, left int, err error) {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	_, s, err := e.sequence(id)
	if err != nil {
		return 0, false, 0, err
	}
	return s.Last, s.Called, s.left, nil
}

// SetVal lets a sequence go on behind a number, or with it when called is false.
func (e *Engine) SetVal(ctx context.Context, id uint32, last int64, called bool) error {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	seq, s, err := e.sequence(id)
	if err != nil {
		return err
	}
	if n := seq.Numbers; last < n.Min || last > n.Max {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "setval: value %d is out of bounds for sequence \"%s\" (%d..%d)",
			last, seq.Name, n.Min, n.Max)
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	putCounted(&change, id, reached{last, called})
	if err := e.update(ctx, change); err != nil {
		return translate(err)
	}
	*s = sequence{reached: reached{last, called}, block: firstBlock}
	return nil
}

// AlterSequence changes how a sequence counts, its name or the column that owns it. With restart it goes on with that
// number. Columns that draw from it follow its name.
func (e *Engine) AlterSequence(ctx context.Context, seq *catalog.Relation, restart *int64) error {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	was, s, err := e.sequence(seq.ID)
	if err != nil {
		return err
	}
	at := s.reached
	if restart != nil {
		at = reached{Last: *restart}
	}
	if n := seq.Numbers; at.Last < n.Min {
		return sqlerr.New(sqlerr.InvalidParameterValue, "RESTART value (%d) cannot be less than MINVALUE (%d)", at.Last,
			n.Min)
	} else if at.Last > n.Max {
		return sqlerr.New(sqlerr.InvalidParameterValue, "RESTART value (%d) cannot be greater than MAXVALUE (%d)", at.Last,
			n.Max)
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	if seq.Name != was.Name {
		if _, taken := e.Catalog().Relation(seq.Schema, seq.Name); taken {
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", seq.Name)
		}
		if err := e.redraw(&change, was, catalog.Draw(seq.Schema, seq.Name), nil, nil); err != nil {
			return err
		}
	}
	if err := putAll(&change, seq); err != nil {
		return err
	}
	putCounted(&change, seq.ID, at)
	if err := e.update(context.WithoutCancel(ctx), change); err != nil {
		return translate(err)
	}
	*s = sequence{reached: at, block: firstBlock}
	return nil
}

// redraw adds to a change that columns which draw from a sequence draw in another way, or with "" have no default, of
// which notice is told. doomed are relations that go.
func (e *Engine) redraw(change *cluster.Change, seq *catalog.Relation, draw string,
	doomed map[uint32]*catalog.Relation, notice func(what string)) error {
	for _, r := range e.Catalog().DrawnBy(seq) {
		if doomed[r.ID] != nil {
			continue
		}
		now, err := amended(change, r)
		if err != nil {
			return err
		}
		now.Columns = slices.Clone(now.Columns)
		for i := range now.Columns {
			switch c := &now.Columns[i]; {
			case !c.DrawsFrom(seq):
			case draw == "":
				c.Default = ""
				if notice != nil {
					notice("default value for column " + c.Name + " of " + described(r))
				}
			default:
				c.Default = strings.ReplaceAll(c.Default, catalog.Draw(seq.Schema, seq.Name), draw)
			}
		}
		if err := putAll(change, now); err != nil {
			return err
		}
	}
	return nil
}

// returnNumbers gives back at shutdown what was reserved and not drawn.
func (e *Engine) returnNumbers() {
	e.seqs.mu.Lock()
	defer e.seqs.mu.Unlock()
	e.ddl.Lock()
	defer e.ddl.Unlock()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	for id, s := range e.seqs.open {
		if _, ok := e.Catalog().ByID(id); ok && s.left > 0 {
			putCounted(&change, id, s.reached)
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

// makeSequences adds to a change the sequences that a relation is to own. They have the IDs from first on.
func (e *Engine) makeSequences(rel *catalog.Relation, first uint32, change *cluster.Change) error {
	for i, q := range rel.Own {
		if _, taken := e.Catalog().Relation(q.Schema, q.Name); taken {
			return sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", q.Name)
		}
		own, n := *q, *q.Numbers
		own.ID, own.Owner, own.Created, own.Numbers = first+uint32(i), rel.Owner, e.cfg.Now().UnixMicro(), &n
		if n.Column != "" {
			n.Table = rel.ID
		}
		if err := putAll(change, &own); err != nil {
			return err
		}
		putCounted(change, own.ID, reached{Last: n.Start})
	}
	change.Put[nextIDKey] = strconv.AppendUint(nil, uint64(first)+uint64(len(rel.Own)), 10)
	rel.Own = nil
	return nil
}

// dropSequences adds to what is dropped the sequences that it owns. A column that stays and draws from one stands in
// the way, unless cascade is set: it loses its default.
func (e *Engine) dropSequences(doomed map[uint32]*catalog.Relation, cascade bool, change *cluster.Change,
	notice func(what string)) error {
	cat := e.Catalog()
	for _, id := range slices.Sorted(maps.Keys(doomed)) {
		for _, q := range cat.Owned(id) {
			doomed[q.ID] = q
		}
	}
	for _, id := range slices.Sorted(maps.Keys(doomed)) {
		q := doomed[id]
		if q.Kind != catalog.Sequence {
			continue
		}
		change.Delete = append(change.Delete, sequenceKey(id))
		if n := q.Numbers; n.Identity && doomed[n.Table] == nil {
			of := e.nameOf(n.Table)
			return sqlerr.New(sqlerr.DependentObjectsStillExist,
				"cannot drop sequence %s because column %s of table %s requires it", q.Name, n.Column, of).
				WithHint("You can drop column %s of table %s instead.", n.Column, of)
		}
		of := q
		if owner, ok := doomed[q.Numbers.Table]; ok {
			of = owner
		}
		if err := e.undraw(q, described(of), doomed, cascade, change, notice); err != nil {
			return err
		}
	}
	return nil
}

// undraw takes the defaults away that draw from a sequence which goes with what is dropped.
func (e *Engine) undraw(q *catalog.Relation, dropped string, doomed map[uint32]*catalog.Relation, cascade bool,
	change *cluster.Change, notice func(what string)) error {
	for _, r := range e.Catalog().DrawnBy(q) {
		if doomed[r.ID] != nil {
			continue
		}
		if !cascade {
			i := slices.IndexFunc(r.Columns, func(c catalog.Column) bool { return c.DrawsFrom(q) })
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it",
				dropped).
				WithDetail("default value for column %s of %s depends on sequence %s", r.Columns[i].Name, described(r), q.Name).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
		if err := e.redraw(change, q, "", doomed, notice); err != nil {
			return err
		}
	}
	return nil
}

// nameOf is the name of a relation.
func (e *Engine) nameOf(id uint32) string {
	if r, ok := e.Catalog().ByID(id); ok {
		return r.Name
	}
	return ""
}

// lastValue is the number that was drawn last of a sequence, if any was.
func (e *Engine) lastValue(id uint32) (int64, bool) {
	last, called, _, err := e.SequenceState(id)
	return last, called && err == nil
}

// sequenceBatch is the one row of a sequence.
func (e *Engine) sequenceBatch(seq *catalog.Relation) (*vec.Batch, error) {
	last, called, left, err := e.SequenceState(seq.ID)
	if err != nil {
		return nil, err
	}
	b := vec.NewBatch(relationTypes(seq))
	b.Cols[0].AppendInt(last)
	b.Cols[1].AppendInt(int64(left))
	b.Cols[2].AppendBool(called)
	b.N = 1
	return b, nil
}

// adoptSequences makes relations of the sequences of an older catalog, which knew them by the defaults of columns only.
func (e *Engine) adoptSequences(ctx context.Context) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	_, docs := e.node.Documents()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	id, err := e.nextID()
	if err != nil {
		return err
	}
	for _, r := range e.Catalog().Relations() {
		now := *r
		now.Columns = append([]catalog.Column(nil), r.Columns...)
		for i := range now.Columns {
			c := &now.Columns[i]
			name := strings.TrimSuffix(strings.TrimPrefix(c.Default, "nextval('"), "')")
			at, err := strconv.ParseInt(string(docs[sequencePrefix+name]), 10, 64)
			if name == c.Default || err != nil {
				continue
			}
			n := catalog.Upward(c.Type.Base())
			n.Column, n.Identity, n.Table = c.Name, c.Identity != "", r.ID
			q := catalog.NewSequence(r.Schema, name[strings.LastIndexByte(name, '.')+1:], n)
			q.ID, q.Owner, q.Created = id, r.Owner, r.Created
			id++
			c.Default = catalog.Draw(q.Schema, q.Name)
			if err := putAll(&change, q, &now); err != nil {
				return err
			}
			putCounted(&change, q.ID, reached{Last: at})
			change.Delete = append(change.Delete, sequencePrefix+name)
		}
	}
	if len(change.Delete) == 0 {
		return nil
	}
	change.Put[nextIDKey] = strconv.AppendUint(nil, uint64(id), 10)
	return translate(e.update(ctx, change))
}
