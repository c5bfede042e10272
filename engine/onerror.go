package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// ON ERROR says what becomes of a record of a relation that cannot be decoded, and of a row that a query cannot
// compute. SKIP, which is what holds where nothing is said, sets it aside: see errors.go. DEAD LETTER sets it aside in
// a stream of the user's: see letters.go. FAIL stops: a query is given up with the step that has the row, and RESUME
// reads that step again; a table that is written to is read up to the record and no further, until the policy changes.
//
// What a step computed depends on the policy, so a checkpoint comes before the policy changes.

// settingDecode makes a query fail that reads a record which cannot be decoded, whatever the relation says.
const settingDecode = "ksql.fail.on.deserialization.error"

// SetOnError changes the policy of a relation, and returns the relation as it is then.
func (e *Engine) SetOnError(ctx context.Context, old *catalog.Relation,
	p catalog.ErrorPolicy) (*catalog.Relation, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	old, err := e.current(old)
	if err != nil {
		return nil, err
	}
	r := *old
	r.OnError = p
	if r.Next != nil {
		next := *r.Next
		next.OnError, r.Next = p, &next
	}
	if err := e.checkLetters(&r); err != nil {
		return nil, err
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	if err := putAll(&change, &r); err != nil {
		return nil, err
	}
	err = e.flow.do(context.WithoutCancel(ctx), func() error {
		f := e.flow
		if err := f.settleFor(&change, &r); err != nil {
			return err
		}
		if err := e.update(ctx, change); err != nil {
			return err
		}
		return f.policyChanged(r.ID)
	})
	now, _ := e.Catalog().ByID(old.ID)
	return now, translate(err)
}

// policyChanged makes the policy count that the catalog has of a relation. A table that had stopped goes on.
func (f *flow) policyChanged(id uint32) error {
	now, ok := f.engine.Catalog().ByID(id)
	if !ok {
		return nil
	}
	if s := f.sources[id]; s != nil {
		s.redefine(now)
		if err := f.rereadAll(s); err != nil { // it may have to be decoded as a whole
			return err
		}
	}
	for _, v := range f.views {
		if rel, differs := f.definition(v.id); rel != nil && !differs {
			v.rel = rel
		}
	}
	if now.Query != "" || f.whyGivenUp(now.StateID()) == "" {
		return nil
	}
	f.setGivenUp(now.StateID(), "")
	if _, err := f.step(); err != nil {
		f.broken = err
		return err
	}
	return nil
}

// checkLetters checks that the dead letters of a relation can go where they are to.
func (e *Engine) checkLetters(r *catalog.Relation) error {
	if r.OnError.Into == 0 {
		return nil
	}
	into, ok := e.Catalog().ByID(r.OnError.Into)
	if !ok {
		return sqlerr.New(sqlerr.UndefinedTable, "the stream for dead letters was dropped meanwhile")
	}
	if t, ok := e.node.Topic(into.Topic); !ok || t.Home != flowID {
		return sqlerr.New(sqlerr.FeatureNotSupported, "topic %q is not one that queries can write to", into.Topic).
			WithHint("Its partitions are spread over the nodes. Take a stream with placement = 'home'.")
	}
	if into.ID == r.ID || r.Topic == into.Topic || e.feeds(into, append(slices.Clone(r.Reads), r.ID)) {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "%s would be made of its own dead letters", described(r))
	}
	return nil
}

// withoutLetters returns the relations that stay and send dead letters to one that goes, as they are without. They
// stand in the way unless cascade is set.
func (e *Engine) withoutLetters(doomed map[uint32]*catalog.Relation, cascade bool,
	notice func(what string)) (left []*catalog.Relation, err error) {
	for _, r := range e.Catalog().Relations() {
		into := doomed[r.OnError.Into]
		if into == nil || doomed[r.ID] != nil {
			continue
		}
		if !cascade {
			return nil, sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it",
				described(into)).
				WithDetail("ON ERROR of %s depends on %s", described(r), described(into)).
				WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
		}
		if notice != nil {
			notice("ON ERROR of " + described(r))
		}
		without := *r
		without.OnError = catalog.ErrorPolicy{}
		left = append(left, &without)
	}
	return left, nil
}

// lateError is the error of a row that comes when what it belongs to is closed. Streams have such rows: no policy
// stops for them.
type lateError struct{ as *sqlerr.Error }

// Error implements error.
func (e lateError) Error() string { return e.as.Error() }

// Unwrap gives the error as users see it.
func (e lateError) Unwrap() error { return e.as }

// late returns the error of a late row.
func late(format string, args ...any) error {
	return lateError{sqlerr.New(sqlerr.InvalidParameterValue, "late: "+format, args...)}
}

// fail deals with a row that an operator, or the sink, cannot compute.
func (v *view) fail(op string, b *vec.Batch, row int, err error) {
	if v.heir != nil {
		v.heir.fail(op, b, row, err)
		return
	}
	if v.sink.hidden && v.rel.Kind == catalog.Stream {
		return // the rows that come of it have been written
	}
	if v.sink.carries {
		b = &vec.Batch{Cols: b.Cols[:len(b.Cols)-1], Time: b.Time, Diff: b.Diff, N: b.N}
	}
	bad := evalFailure(v.sink.rel, op, b, row, err)
	var lateness lateError
	if v.rel.OnError.Fail && !errors.As(err, &lateness) {
		if v.fault == nil {
			e := *sqlerr.From(bad.err)
			e.Message += ", in the row " + string(bad.value)
			v.fault = &e
		}
		return
	}
	bad.into = v.rel.OnError.Into
	v.flow.bad = append(v.flow.bad, bad)
}

// undecodable is the error of a record where nothing that cannot be decoded is passed over.
func undecodable(rel *catalog.Relation, b *badRecord) error {
	e := *sqlerr.From(b.err)
	e.Message = sqlerr.New(e.Code, "the record at offset %d of partition %d of topic %q cannot be decoded: %s", b.offset,
		b.part, rel.Topic, e.Message).Message
	return &e
}

// strict reports whether records are decoded as a whole: what is bad must not depend on who else reads them.
func (r *reader) strict() bool {
	return r.src.rel.OnError != (catalog.ErrorPolicy{}) || slices.ContainsFunc(r.inputs, func(in *input) bool {
		return in.view != nil && in.view.rel.Settings[settingDecode] == "on"
	})
}

// halted reports whether a table has stopped at a record.
func (f *flow) halted(s *source) bool {
	return s.rel.OnError.Fail && s.rows != nil && s.live != nil && f.whyGivenUp(s.rel.StateID()) != ""
}

// failing returns the error of a query asked of a relation, one of whose records cannot be decoded.
func failing(rel *catalog.Relation, bad []badRecord) error {
	if len(bad) == 0 || !rel.OnError.Fail {
		return nil
	}
	return undecodable(rel, &bad[0])
}

// endFailing fails the queries that read the relation and do not pass over what is bad, when a record of it is.
func (r *reader) endFailing(bad []badRecord) {
	if len(bad) == 0 {
		return
	}
	inputs := r.inputs
	if r.src.rows != nil {
		inputs = r.src.inputs
	}
	untimed := slices.IndexFunc(bad, func(b badRecord) bool { return b.untimed })
	for _, in := range inputs {
		settings := in.view.rel.Settings
		switch {
		case in.view.fault != nil:
		case r.src.rel.OnError.Fail, settings[settingDecode] == "on":
			in.view.fault = undecodable(r.src.rel, &bad[0])
		case untimed >= 0 && settings[settingThrow] == "on":
			in.view.fault = bad[untimed].err
		}
	}
}

// stopTable reads a range of a table once more, up to the first record that cannot be decoded, and stops the table
// there.
func (f *flow) stopTable(r *reader, rr *readRange, before cursor, bad []badRecord, limit int) (*chunk, error) {
	first := 0
	for i := range bad {
		if bad[i].offset < bad[first].offset {
			first = i
		}
	}
	why, to := undecodable(r.src.rel, &bad[first]), bad[first].offset
	r.parts[rr.Part] = before
	c, err := r.read(f.node, rr.Part, to, limit)
	if err != nil || r.parts[rr.Part].next < to {
		return c, err
	}
	f.log.Error("a table stopped", "relation", r.src.rel.Name, "error", why)
	f.setGivenUp(r.src.rel.StateID(), why.Error())
	f.endUnsound()
	return c, nil
}
