package planner

import (
	"time"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// follow binds what stands behind EMIT CHANGES.
func (b *binder) follow(f *ast.Follow) (*plan.Follow, error) {
	if f == nil {
		return nil, nil
	}
	out := &plan.Follow{Since: f.Since, AtPos: f.Pos(), Op: f.Op, Token: f.Token}
	clause := "SINCE"
	if f.AsOf {
		clause = "AS OF"
	}
	if f.At != nil {
		x, err := b.bind(&scope{clause: clause}, f.At)
		if err != nil {
			return nil, err
		}
		switch t := x.Type(); t {
		case types.Unknown:
			if x, err = b.coerce(x, types.Text, fn.Assignment, leftmost(f.At)); err != nil {
				return nil, err
			}
		case types.Text, types.Varchar, types.Timestamp, types.TimestampTZ:
		default:
			return nil, sqlerr.At(leftmost(f.At), sqlerr.DatatypeMismatch,
				"argument of %s must be a token or a time, not type %s", clause, t)
		}
		out.At, out.AtPos = x, leftmost(f.At)
	}
	if f.Progress != nil {
		v, err := Constant(b.ctx, f.Progress)
		if err != nil {
			return nil, err
		}
		if v.Type != types.IntervalType {
			if v, err = types.Parse(types.IntervalType, v.String(), types.Env{}); err != nil {
				return nil, sqlerr.Locate(err, f.Progress.Pos())
			}
		}
		micros := v.Ivl.Micros + (int64(v.Ivl.Months)*30+int64(v.Ivl.Days))*24*int64(time.Hour/time.Microsecond)
		if out.Progress = time.Duration(micros) * time.Microsecond; v.Null || out.Progress < time.Millisecond {
			return nil, sqlerr.At(f.Progress.Pos(), sqlerr.InvalidParameterValue, "PROGRESS needs an interval of at least 1 ms")
		}
	}
	return out, nil
}
