package eval

import (
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// lambda is a compiled plan.Lambda. Its body runs over a batch of its own, one row an element: the columns of the
// call's input that it reads, gathered, then its parameters.
type lambda struct {
	body   node
	reads  []int // columns of the input
	closed bool  // the body reads nothing but parameters, and gives the same for the same

	run    run        // what the body runs in
	in     *vec.Batch // the input of the call
	sub    vec.Batch
	params int
	picked []*vec.Column // memory of the gathered columns
}

// newLambda compiles a lambda: the columns and parameters that its body reads become columns of the body's batch.
func newLambda(e *plan.Lambda) (*lambda, error) {
	l := &lambda{reads: Columns(e.Body), params: len(e.Params), closed: true}
	at := map[int]int{}
	for k, c := range l.reads {
		at[c] = k
	}
	body := Map(e.Body, func(x plan.Expr) plan.Expr {
		switch x := x.(type) {
		case *plan.Col:
			x.Index = at[x.Index]
		case *plan.Var:
			if k := x.N - e.First; k >= 0 && k < len(e.Params) {
				return &plan.Col{Index: len(l.reads) + k, Typ: x.Typ, Name: x.Name}
			}
		case *plan.Call:
			l.closed = l.closed && !x.Fn.Volatile
		}
		return x
	})
	l.closed = l.closed && len(l.reads) == 0
	l.sub.Cols = make([]*vec.Column, len(l.reads)+l.params)
	l.picked = make([]*vec.Column, len(l.reads))
	var err error
	l.body, err = compile(body)
	return l, err
}

// apply is the fn.Lambda that kernels call. The result is valid until the next call.
func (l *lambda) apply(rows []int32, params []*vec.Column) (*vec.Column, map[int]error) {
	for k, c := range l.reads {
		src := l.in.Cols[c]
		if l.picked[k] == nil {
			l.picked[k] = vec.NewColumn(src.Type)
		}
		l.picked[k].Reset()
		l.picked[k].Gather(src, rows)
		l.sub.Cols[k] = l.picked[k]
	}
	copy(l.sub.Cols[len(l.reads):], params)
	l.sub.N = len(rows)
	if len(rows) == 0 {
		return nil, nil
	}
	run := l.run.within()
	return l.body.eval(&run, &l.sub), run.errs
}
