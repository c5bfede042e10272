package session

import (
	"context"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// drawn are the numbers that the session has drawn of sequences. It implements fn.Sequences.
type drawn struct {
	eng  *engine.Engine
	by   map[uint32]int64
	kept map[uint32][]int64 // numbers of sequences with a cache that were drawn and not given yet
	last uint32

	role    func() string
	version uint64            // of the catalog that may was asked of
	may     map[uint32]string // the role that may draw, by sequence
}

// sequence finds a sequence of which the role has one of two privileges.
func (d *drawn) sequence(id int64, one, other catalog.Privilege) (*catalog.Relation, error) {
	cat, role := d.eng.Catalog(), d.role()
	q, ok := cat.ByID(uint32(id))
	switch {
	case !ok:
		return nil, sqlerr.New(sqlerr.UndefinedTable, "could not open relation with OID %d", id)
	case q.Kind != catalog.Sequence:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a sequence", q.Name)
	case !cat.Can(role, q, one) && !cat.Can(role, q, other):
		return nil, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for sequence %s", q.Name)
	}
	return q, nil
}

// allowed checks that the role may draw. Whoever may insert into a table draws for its identity columns.
func (d *drawn) allowed(id int64) error {
	cat, role := d.eng.Catalog(), d.role()
	if cat.Version() != d.version {
		d.version, d.may = cat.Version(), map[uint32]string{}
	}
	if d.may[uint32(id)] == role {
		return nil
	}
	if q, ok := cat.ByID(uint32(id)); ok && q.Kind == catalog.Sequence && q.Numbers.Identity {
		if of, ok := cat.ByID(q.Numbers.Table); ok && cat.Can(role, of, catalog.MayInsert) {
			d.may[uint32(id)] = role
			return nil
		}
	}
	_, err := d.sequence(id, catalog.MayUse, catalog.MayUpdate)
	if err == nil {
		d.may[uint32(id)] = role
	}
	return err
}

// Next implements fn.Sequences.
func (d *drawn) Next(id int64) (int64, error) {
	if err := d.allowed(id); err != nil {
		return 0, err
	}
	q := uint32(id)
	numbers := d.kept[q]
	if len(numbers) == 0 {
		var err error
		if numbers, err = d.eng.NextVals(q); err != nil {
			return 0, err
		}
	}
	d.kept[q] = numbers[1:]
	d.by[q], d.last = numbers[0], q
	return numbers[0], nil
}

// Current implements fn.Sequences.
func (d *drawn) Current(id int64) (int64, error) {
	q, err := d.sequence(id, catalog.MayUse, catalog.MaySelect)
	if err != nil {
		return 0, err
	}
	n, ok := d.by[q.ID]
	if !ok {
		return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisite,
			"currval of sequence \"%s\" is not yet defined in this session", q.Name)
	}
	return n, nil
}

// Last implements fn.Sequences.
func (d *drawn) Last() (int64, error) {
	if _, there := d.eng.Catalog().ByID(d.last); d.last == 0 || !there {
		return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "lastval is not yet defined in this session")
	}
	return d.by[d.last], nil
}

// Set implements fn.Sequences.
func (d *drawn) Set(id, n int64, drawn bool) error {
	q, err := d.sequence(id, catalog.MayUpdate, catalog.MayUpdate)
	if err != nil {
		return err
	}
	if err := d.eng.SetVal(context.Background(), q.ID, n, drawn); err != nil {
		return err
	}
	delete(d.kept, q.ID)
	if drawn {
		d.by[q.ID] = n
	}
	return nil
}

// forget drops what the session has drawn.
func (d *drawn) forget() {
	clear(d.by)
	clear(d.kept)
	d.last = 0
}

// bindCreateSequence binds CREATE SEQUENCE.
func (s *Session) bindCreateSequence(p *Prepared, st *ast.CreateSequence) error {
	like := &ast.Create{P: st.P, What: "SEQUENCE", Temp: st.Temp, IfNotExists: st.IfNotExists, Name: st.Name}
	rel, err := planner.CreateSequence(s.planContext(p), st)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		made := *rel
		if err := s.ownsOwner(&made); err != nil {
			return nil, err
		}
		return s.create(ctx, like, &made)
	}
	return nil
}

// ownsOwner checks that the table that is to own a sequence is the role's own.
func (s *Session) ownsOwner(q *catalog.Relation) error {
	if of, ok := s.eng.Catalog().ByID(q.Numbers.Table); ok {
		return s.owns(of)
	}
	return nil
}

// bindAlterSequence binds ALTER SEQUENCE with options.
func (s *Session) bindAlterSequence(p *Prepared, st *ast.AlterSequence) error {
	q, err := s.eng.Catalog().Resolve(s.set.path, st.Name.Parts)
	switch {
	case err != nil && st.IfExists:
		p.run = func(context.Context, []types.Value) (Result, error) {
			s.warn(sqlerr.UndefinedTable, "relation %q does not exist, skipping", st.Name.Last())
			return done("ALTER SEQUENCE"), nil
		}
		return nil
	case err != nil:
		return sqlerr.Locate(err, st.Name.Pos())
	case q.Kind != catalog.Sequence:
		return notA(q, st.Name, "SEQUENCE")
	}
	if err := s.owns(q); err != nil {
		return err
	}
	now, restart, err := planner.AlterSequence(s.planContext(p), q, &st.Options)
	if err != nil {
		return err
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER SEQUENCE", st.Pos()); err != nil {
			return nil, err
		}
		if err := s.ownsOwner(now); err != nil {
			return nil, err
		}
		delete(s.drawn.kept, q.ID)
		return done("ALTER SEQUENCE"), sqlerr.Locate(s.eng.AlterSequence(ctx, now, restart), st.Name.Pos())
	}
	return nil
}

// bindRenameSequence binds ALTER SEQUENCE … RENAME TO.
func (s *Session) bindRenameSequence(p *Prepared, st *ast.Alter, q *catalog.Relation) error {
	if q.Kind != catalog.Sequence {
		return notA(q, st.Name, "SEQUENCE")
	}
	if err := s.owns(q); err != nil {
		return err
	}
	now := *q
	now.Name = st.Actions[0].To
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.beginDDL(ctx, "ALTER SEQUENCE", st.Pos()); err != nil {
			return nil, err
		}
		return done("ALTER SEQUENCE"), sqlerr.Locate(s.eng.AlterSequence(ctx, &now, nil), st.Name.Pos())
	}
	return nil
}

// restarted is where a sequence was before TRUNCATE … RESTART IDENTITY.
type restarted struct {
	id     uint32
	last   int64
	called bool
}

// restartIdentity lets the sequences that columns of a relation own begin anew. ROLLBACK takes that back.
func (s *Session) restartIdentity(ctx context.Context, rel *catalog.Relation) error {
	for _, q := range s.eng.Catalog().Owned(rel.ID) {
		last, called, _, err := s.eng.SequenceState(q.ID)
		if err == nil {
			err = s.eng.SetVal(ctx, q.ID, q.Numbers.Start, false)
		}
		if err != nil {
			return err
		}
		delete(s.drawn.kept, q.ID)
		s.tx.restarted = append(s.tx.restarted, restarted{q.ID, last, called})
	}
	return nil
}

// takeBack undoes what restartIdentity did, the latest first.
func (s *Session) takeBack(all []restarted) {
	for i := len(all) - 1; i >= 0; i-- {
		r := all[i]
		if err := s.eng.SetVal(context.Background(), r.id, r.last, r.called); err != nil {
			s.warn(sqlerr.Warning, "a sequence stays where TRUNCATE has set it: %s", sqlerr.From(err).Message)
		}
	}
}
