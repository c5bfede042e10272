package session

import (
	"context"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// assertTimeout is how long ASSERT waits when the statement does not say.
const assertTimeout = time.Second

// assertInterval is how often ASSERT looks.
const assertInterval = 20 * time.Millisecond

// bindAssert binds ASSERT: it waits until what is asserted is so, and fails when it is not in time.
func (s *Session) bindAssert(p *Prepared, st *ast.Assert) error {
	check := func() error { return s.assertTopic(st) }
	if st.What != "TOPIC" {
		check = func() error { return s.assertRelation(p, st) }
	} else if _, err := topicNumbers(st); err != nil {
		return err
	}
	timeout := assertTimeout
	if st.Timeout != nil {
		ms, err := planner.Milliseconds(st.Timeout)
		if err != nil {
			return err
		}
		timeout = time.Duration(ms) * time.Millisecond
	}
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		deadline := time.NewTimer(timeout)
		defer deadline.Stop()
		tick := time.NewTicker(assertInterval)
		defer tick.Stop()
		for {
			err := check()
			if err == nil {
				return done("ASSERT"), nil
			}
			select {
			case <-tick.C:
			case <-deadline.C:
				return nil, err
			case <-ctx.Done():
				return nil, engine.Canceled(ctx.Err())
			}
		}
	}
	return nil
}

func failed(st *ast.Assert, format string, args ...any) error {
	return sqlerr.At(st.Name.Pos(), sqlerr.AssertFailure, format, args...)
}

// topicNumbers reads the properties of ASSERT TOPIC.
func topicNumbers(st *ast.Assert) (map[string]int64, error) {
	out := map[string]int64{}
	for _, pr := range st.Props {
		n, ok := planner.Number(pr.Val)
		switch {
		case pr.Key != "partitions" && pr.Key != "replicas":
			return nil, sqlerr.At(pr.Pos(), sqlerr.InvalidParameterValue, "unrecognized property \"%s\"", pr.Key).
				WithHint("The properties are partitions and replicas.")
		case !ok:
			return nil, sqlerr.At(pr.Val.Pos(), sqlerr.InvalidParameterValue, "property \"%s\" must be a number", pr.Key)
		}
		out[pr.Key] = n
	}
	return out, nil
}

func (s *Session) assertTopic(st *ast.Assert) error {
	want, err := topicNumbers(st)
	if err != nil {
		return err
	}
	for _, t := range s.eng.Topics() {
		if t.Name != st.Name.Last() {
			continue
		}
		if st.Not {
			return failed(st, "topic %q exists", t.Name)
		}
		if n, asked := want["partitions"]; asked && n != int64(t.Partitions) {
			return failed(st, "topic %q has %d partitions, not %d", t.Name, t.Partitions, n)
		}
		if n, asked := want["replicas"]; asked && n != 1 {
			return failed(st, "topic %q has 1 replica, not %d", t.Name, n)
		}
		return nil
	}
	if st.Not {
		return nil
	}
	return failed(st, "topic %q does not exist", st.Name.Last())
}

// assertRelation checks that a stream or table is as the statement would make it.
func (s *Session) assertRelation(p *Prepared, st *ast.Assert) error {
	rel, err := s.eng.Catalog().Resolve(s.set.path, st.Name.Parts)
	there := err == nil && rel.Kind == catalog.Kind(st.What)
	switch {
	case st.Not && there:
		return failed(st, "%s %q exists", st.What, rel.Name)
	case st.Not:
		return nil
	case !there:
		return failed(st, "%s %q does not exist", st.What, st.Name.Last())
	case st.Columns == nil && st.Props == nil:
		return nil
	}
	create := &ast.Create{P: st.P, What: st.What, Name: st.Name, Columns: st.Columns, HasColumns: true, Props: st.Props}
	want, err := planner.Create(s.planContext(p), create)
	if err != nil {
		return err
	}
	if len(want.Columns) != len(rel.Columns) {
		return failed(st, "%q has %d columns, not %d", rel.Name, len(rel.Columns), len(want.Columns))
	}
	for i, c := range want.Columns {
		had := rel.Columns[i]
		if had.Name != c.Name || had.Type != c.Type || rel.IsKey(i) != want.IsKey(i) {
			return failed(st, "column %d of %q is %s %s, not %s %s", i+1, rel.Name, had.Name, had.Type, c.Name, c.Type)
		}
	}
	if want.Topic != "" && want.Topic != rel.Topic {
		return failed(st, "the topic of %q is %q, not %q", rel.Name, rel.Topic, want.Topic)
	}
	if want.KeyFormat != rel.KeyFormat || want.ValueFormat != rel.ValueFormat {
		return failed(st, "the formats of %q are %s and %s, not %s and %s", rel.Name, rel.KeyFormat, rel.ValueFormat,
			want.KeyFormat, want.ValueFormat)
	}
	return nil
}
