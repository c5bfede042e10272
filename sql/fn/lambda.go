package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Lambda evaluates the body of a lambda argument for many elements at once. Element k belongs to row rows[k] of the
// call, whose columns the body may read, and its parameters are row k of params. The result, of one row an element or
// constant, is valid until the next call; it is nil when there are no elements. errs holds the elements that failed.
type Lambda func(rows []int32, params []*vec.Column) (out *vec.Column, errs map[int]error)

// TakesLambda reports whether there is a function of this name whose last arguments are lambdas.
func TakesLambda(name string) bool {
	fs := scalars[name]
	return len(fs) > 0 && fs[0].LambdaParams != nil
}

// ResolveLambda picks the overload of a function that takes args and then so many lambdas of so many parameters each,
// and gives the types of the parameters. When the bodies are typed, Resolve of the overload gives the types to convert
// everything to and the type of the result.
func ResolveLambda(name string, args []types.Type, lambdas, arity int) (*Scalar, []types.Type, error) {
	err := noFunction(name, args, false)
	for _, f := range scalars[name] {
		if f.LambdaParams == nil || f.LambdaAt != len(args) || len(f.Args) != len(args)+lambdas {
			continue
		}
		params, ok := f.LambdaParams(args)
		switch {
		case ok && len(params) == arity:
			return f, params, nil
		case ok:
			err = sqlerr.New(sqlerr.UndefinedFunction, "number of parameters of a lambda of %s(%s, …) must be %d, not %d",
				name, Signature(args), len(params), arity)
		}
	}
	return nil, nil, err
}

// lambdaDecls declares what applies lambdas to the elements of arrays and maps. Args only counts the arguments.
func lambdaDecls() []Scalar {
	two, three := in(Any, Any), in(Any, Any, Any)
	return []Scalar{
		{Name: "transform", Args: two, LambdaAt: 1, LambdaParams: arrayParams, Strict: true, Kernel: transformArray,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
				return args, types.ArrayOf(args[1]), true
			}, Doc: Doc{Category: "lambda", Summary: "Applies a lambda to every element of an array; to every entry of a map " +
				"two of them, which give the new key and the new value.",
				Examples: ex("transform(ARRAY[1,2,3], x => x * 10)", "{10,20,30}",
					"transform(MAP('a' := 1), (k, v) => upper(k), (k, v) => v + 1)", `{"A": 2}`)}},
		{Name: "transform", Args: three, LambdaAt: 1, LambdaParams: mapParams, Strict: true, Kernel: transformMap,
			Resolve: func(args []types.Type) ([]types.Type, types.Type, bool) {
				return args, types.MapOf(args[1], args[2]), true
			}},
		{Name: "filter", Args: two, LambdaAt: 1, LambdaParams: arrayParams, Strict: true, Kernel: filterElements,
			Resolve: filterTypes, Doc: Doc{Category: "lambda",
				Summary: "Keeps the elements of an array, or entries of a map, for which a lambda is true.",
				Examples: ex("filter(ARRAY[1,5,3], x => x > 2)", "{5,3}",
					"filter(MAP('a' := 1, 'b' := 2), (k, v) => v > 1)", `{"b": 2}`)}},
		{Name: "filter", Args: two, LambdaAt: 1, LambdaParams: mapParams, Strict: true, Kernel: filterElements,
			Resolve: filterTypes},
		{Name: "reduce", Args: three, LambdaAt: 2, LambdaParams: stateParams(arrayParams), Kernel: reduceElements,
			Resolve: reduceTypes, Doc: Doc{Category: "lambda",
				Summary: "Folds the elements of an array, or the entries of a map, into a state that begins with the second " +
					"argument; the lambda is given the state and the element.",
				Examples: ex("reduce(ARRAY[1,2,3], 10, (s, x) => s + x)", "16")}},
		{Name: "reduce", Args: three, LambdaAt: 2, LambdaParams: stateParams(mapParams), Kernel: reduceElements,
			Resolve: reduceTypes},
	}
}

func arrayParams(args []types.Type) ([]types.Type, bool) {
	if args[0].Kind != types.KindArray {
		return nil, false
	}
	return in(args[0].Elem()), true
}

func mapParams(args []types.Type) ([]types.Type, bool) {
	if args[0].Kind != types.KindMap {
		return nil, false
	}
	return in(args[0].Key(), args[0].Elem()), true
}

// stateParams puts the state before the parameters of an element.
func stateParams(elem func([]types.Type) ([]types.Type, bool)) func([]types.Type) ([]types.Type, bool) {
	return func(args []types.Type) ([]types.Type, bool) {
		params, ok := elem(args)
		return append(in(args[1]), params...), ok
	}
}

func filterTypes(args []types.Type) ([]types.Type, types.Type, bool) {
	return in(args[0], types.Bool), args[0], CanCast(args[1], types.Bool, Implicit)
}

// reduceTypes finds the type that both the first state and what the lambda makes of it convert to.
func reduceTypes(args []types.Type) ([]types.Type, types.Type, bool) {
	state := args[1]
	if !CanCast(args[2], state, Implicit) {
		var err error
		if state, err = CommonType(args[1:], "REDUCE"); err != nil {
			return nil, types.Unknown, false
		}
	}
	return in(args[0], state, state), state, true
}

// elements lays the elements of a list or map argument in a row.
type elements struct {
	rows []int32       // the row of each
	kids []*vec.Column // arrays have one, maps two
	ends []int         // by row
}

func flatten(c *Call, arg *vec.Column) elements {
	e := elements{ends: make([]int, c.N)}
	for _, kid := range arg.Kids {
		e.kids = append(e.kids, vec.NewColumn(kid.Type))
	}
	for i := range c.N {
		if !c.Skips(i) && !arg.IsNull(i) {
			_, lo, hi := Row{c, []*vec.Column{arg}, i}.List(0)
			for k, kid := range arg.Kids {
				e.kids[k].AppendRange(kid, lo, hi)
			}
			for range hi - lo {
				e.rows = append(e.rows, int32(i))
			}
		}
		e.ends[i] = len(e.rows)
	}
	return e
}

// apply calls lambda k of the call over all elements; what fails, fails the element's row.
func (e *elements) apply(c *Call, k int) *vec.Column {
	out, errs := c.Lambdas[k](e.rows, e.kids)
	for at, err := range errs {
		c.Fail(int(e.rows[at]), err)
	}
	return out
}

func transformArray(c *Call, args []*vec.Column, out *vec.Column) {
	e := flatten(c, args[0])
	body := e.apply(c, 0)
	at := 0
	for _, end := range e.ends {
		for ; at < end; at++ {
			out.Kids[0].AppendFrom(body, body.At(at))
		}
		out.CloseList()
	}
}

// transformMap builds the new maps. A row fails when two of its entries get one key; an entry without a key goes.
func transformMap(c *Call, args []*vec.Column, out *vec.Column) {
	e := flatten(c, args[0])
	keys := e.apply(c, 0)
	vals := e.apply(c, 1)
	at := 0
	for row, end := range e.ends {
		for ; at < end; at++ {
			if !keys.IsNull(at) {
				if repeatedKey(keys, at, end) {
					c.Fail(row, sqlerr.New(sqlerr.InvalidParameterValue, "lambda gives two entries of a map the same key"))
					continue
				}
				out.Kids[0].AppendFrom(keys, keys.At(at))
				out.Kids[1].AppendFrom(vals, vals.At(at))
			}
		}
		out.CloseList()
	}
}

// repeatedKey reports whether a row after at, and before end, holds the same key.
func repeatedKey(keys *vec.Column, at, end int) bool {
	for k := at + 1; k < end; k++ {
		if !keys.IsNull(k) && vec.Compare(keys, keys.At(at), keys, keys.At(k)) == 0 {
			return true
		}
	}
	return false
}

func filterElements(c *Call, args []*vec.Column, out *vec.Column) {
	e := flatten(c, args[0])
	keep := e.apply(c, 0)
	at := 0
	for _, end := range e.ends {
		for ; at < end; at++ {
			if !keep.IsNull(at) && keep.Bool[keep.At(at)] {
				for k, kid := range e.kids {
					out.Kids[k].AppendFrom(kid, at)
				}
			}
		}
		out.CloseList()
	}
}

// reduceElements goes through the elements of all rows in step: the first of every row, the second of those that have
// one, and so on. A NULL state at the beginning stays; NULL has no elements.
func reduceElements(c *Call, args []*vec.Column, out *vec.Column) {
	e := flatten(c, args[0])
	final, finalAt := vec.NewColumn(out.Type), make([]int32, c.N) // the states of rows that are done
	state := vec.NewColumn(out.Type)                              // of the rows below
	rows := make([]int32, 0, c.N)
	for i := range c.N {
		rows = append(rows, int32(i))
		state.AppendFrom(args[1], args[1].At(i))
	}
	params := make([]*vec.Column, 1+len(e.kids))
	for k, kid := range e.kids {
		params[1+k] = vec.NewColumn(kid.Type)
	}
	for depth := 0; len(rows) > 0; depth++ {
		var going, elems []int32
		next := vec.NewColumn(out.Type)
		for k, i := range rows {
			first := 0
			if i > 0 {
				first = e.ends[i-1]
			}
			if first+depth >= e.ends[i] || depth == 0 && args[1].IsNull(int(i)) || c.Errs[int(i)] != nil {
				finalAt[i] = int32(final.Len())
				final.AppendFrom(state, state.At(k))
				continue
			}
			going, elems = append(going, i), append(elems, int32(first+depth))
			next.AppendFrom(state, state.At(k))
		}
		params[0] = next
		for k, kid := range e.kids {
			params[1+k].Reset()
			params[1+k].Gather(kid, elems)
		}
		var errs map[int]error
		state, errs = c.Lambdas[0](going, params)
		for k, err := range errs {
			c.Fail(int(going[k]), err)
		}
		rows = going
	}
	out.Gather(final, finalAt)
}
