package fn

import (
	"errors"
	"regexp"

	"github.com/leatdb/leat/sql/jsonpath"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// The SQLSTATEs of SQL/JSON.
const (
	invalidJSONSubscript sqlerr.Code = "22033"
	nonNumericItem       sqlerr.Code = "22036"
	singletonRequired    sqlerr.Code = "22038"
	jsonArrayNotFound    sqlerr.Code = "22039"
	jsonMemberNotFound   sqlerr.Code = "2203A"
	jsonNumberNotFound   sqlerr.Code = "2203B"
	jsonObjectNotFound   sqlerr.Code = "2203C"
)

// pathError is an error that a predicate turns into unknown, and that a silent function does not report.
type pathError struct{ err *sqlerr.Error }

func (e *pathError) Error() string { return e.err.Error() }

func pathFail(code sqlerr.Code, format string, args ...any) error {
	return &pathError{sqlerr.New(code, format, args...)}
}

// errEnough stops a path when nobody needs more of its results.
var errEnough = errors.New("enough results")

// emitFunc takes a result of a path. An error ends the path.
type emitFunc = func(*types.JSONNode) error

// pathRun runs one path over one value.
type pathRun struct {
	root    *types.JSONNode
	vars    *types.JSONNode
	strict  bool
	lenient bool // errors of structure are left out: always in lax mode, and below .**
	current *types.JSONNode
	size    int // of the array whose subscripts are at work, for last
	numbers int64
	probing bool // nobody looks at the results but for whether there are any
	regexes map[*jsonpath.Item]*regexp.Regexp
}

func (r *pathRun) lax() bool { return !r.strict }

// exec gives the results of an item, and of those after it, for one value. unwrap lets an array stand for its elements.
func (r *pathRun) exec(i *jsonpath.Item, v *types.JSONNode, unwrap bool, emit emitFunc) error {
	switch i.Kind {
	case jsonpath.Key, jsonpath.AnyKey:
		return r.member(i, v, unwrap, emit)
	case jsonpath.AnyElement:
		return r.elements(i, v, emit)
	case jsonpath.Subscript:
		return r.subscripts(i, v, emit)
	case jsonpath.AnyLevel:
		return r.anyLevel(i, v, emit)
	case jsonpath.Filter:
		if unwrap && v.Kind == '[' {
			return r.unwrapped(i, v, emit)
		}
		if ok, err := r.filter(i.Args[0], v); err != nil || ok != pathTrue {
			return err
		}
		return r.next(i, v, emit)
	case jsonpath.Arith:
		return r.arith(i, v, emit)
	case jsonpath.Sign:
		return r.sign(i, v, emit)
	case jsonpath.Method:
		return r.method(i, v, unwrap, emit)
	}
	if i.Kind >= jsonpath.Compare {
		t, err := r.test(i, v)
		if err != nil {
			return err
		}
		return r.next(i, &types.JSONNode{Kind: "ftn"[t]}, emit)
	}
	v, err := r.primary(i)
	if err != nil {
		return err
	}
	return r.next(i, v, emit)
}

// next gives a result to the item after i, or to emit.
func (r *pathRun) next(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	if i == nil || i.Next == nil {
		return emit(v)
	}
	return r.exec(i.Next, v, r.lax(), emit)
}

func (r *pathRun) primary(i *jsonpath.Item) (*types.JSONNode, error) {
	switch i.Kind {
	case jsonpath.Root:
		return r.root, nil
	case jsonpath.Current:
		return r.current, nil
	case jsonpath.Last:
		return numberNode(types.DecimalFromInt64(int64(r.size - 1))), nil
	case jsonpath.Null:
		return &types.JSONNode{Kind: 'n'}, nil
	case jsonpath.True:
		return &types.JSONNode{Kind: 't'}, nil
	case jsonpath.False:
		return &types.JSONNode{Kind: 'f'}, nil
	case jsonpath.String:
		return &types.JSONNode{Kind: '"', Text: i.Text}, nil
	case jsonpath.Number:
		d, err := types.ParseDecimal(i.Text)
		return numberNode(d), err
	}
	for k, name := range r.vars.Keys {
		if name == i.Text {
			return &r.vars.Elems[k], nil
		}
	}
	return nil, sqlerr.New(sqlerr.UndefinedObject, "could not find jsonpath variable \"%s\"", i.Text)
}

func numberNode(d types.Decimal) *types.JSONNode { return &types.JSONNode{Kind: '0', Number: d} }

// unwrapped runs i over the elements of an array, which are not unwrapped further.
func (r *pathRun) unwrapped(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	for k := range v.Elems {
		if err := r.exec(i, &v.Elems[k], false, emit); err != nil {
			return err
		}
	}
	return nil
}

func (r *pathRun) member(i *jsonpath.Item, v *types.JSONNode, unwrap bool, emit emitFunc) error {
	switch {
	case v.Kind == '{':
		found := false
		for k, name := range v.Keys {
			if i.Kind == jsonpath.Key && name != i.Text {
				continue
			}
			found = true
			if err := r.next(i, &v.Elems[k], emit); err != nil {
				return err
			}
		}
		if !found && i.Kind == jsonpath.Key && !r.lenient {
			return pathFail(jsonMemberNotFound, "JSON object does not contain key \"%s\"", i.Text)
		}
		return nil
	case unwrap && v.Kind == '[':
		return r.unwrapped(i, v, emit)
	case r.lenient:
		return nil
	case i.Kind == jsonpath.Key:
		return pathFail(jsonMemberNotFound, "jsonpath member accessor can only be applied to an object")
	}
	return pathFail(jsonObjectNotFound, "jsonpath wildcard member accessor can only be applied to an object")
}

func (r *pathRun) elements(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	switch {
	case v.Kind == '[':
		for k := range v.Elems {
			if err := r.next(i, &v.Elems[k], emit); err != nil {
				return err
			}
		}
		return nil
	case r.lax():
		return r.next(i, v, emit)
	case r.lenient:
		return nil
	}
	return pathFail(jsonArrayNotFound, "jsonpath wildcard array accessor can only be applied to an array")
}

func (r *pathRun) subscripts(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	if v.Kind != '[' && r.strict {
		if r.lenient {
			return nil
		}
		return pathFail(jsonArrayNotFound, "jsonpath array accessor can only be applied to an array")
	}
	outer, size := r.size, 1
	if v.Kind == '[' {
		size = len(v.Elems)
	}
	defer func() { r.size = outer }()
	for _, s := range i.Subs {
		r.size = size
		from, err := r.index(s[0], v)
		if err != nil {
			return err
		}
		to := from
		if s[1] != nil {
			if to, err = r.index(s[1], v); err != nil {
				return err
			}
		}
		if !r.lenient && (from < 0 || from > to || to >= int64(size)) {
			return pathFail(invalidJSONSubscript, "jsonpath array subscript is out of bounds")
		}
		for k := max(from, 0); k <= min(to, int64(size-1)); k++ {
			elem := v
			if v.Kind == '[' {
				elem = &v.Elems[k]
			}
			if err := r.next(i, elem, emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// index computes a subscript.
func (r *pathRun) index(i *jsonpath.Item, v *types.JSONNode) (int64, error) {
	found, err := r.collect(i, v, false)
	switch {
	case err != nil:
		return 0, err
	case len(found) != 1 || found[0].Kind != '0':
		return 0, pathFail(invalidJSONSubscript, "jsonpath array subscript is not a single numeric value")
	}
	n, err := wholeOf(found[0].Number.Trunc(0), types.KindInt4)
	if err != nil {
		return 0, pathFail(invalidJSONSubscript, "jsonpath array subscript is out of integer range")
	}
	return n, nil
}

func (r *pathRun) anyLevel(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	below := func(v *types.JSONNode) error {
		saved := r.lenient
		r.lenient = true
		err := r.next(i, v, emit)
		r.lenient = saved
		return err
	}
	if i.From == 0 {
		if err := below(v); err != nil {
			return err
		}
	}
	return r.descend(i, v, 1, below)
}

func (r *pathRun) descend(i *jsonpath.Item, v *types.JSONNode, level uint32, visit emitFunc) error {
	if level > i.To || v.Kind != '[' && v.Kind != '{' {
		return nil
	}
	for k := range v.Elems {
		e := &v.Elems[k]
		container := e.Kind == '[' || e.Kind == '{'
		if level >= i.From || i.From == jsonpath.LastLevel && i.To == jsonpath.LastLevel && !container {
			if err := visit(e); err != nil {
				return err
			}
		}
		if level < i.To {
			if err := r.descend(i, e, level+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect gives all results of a path; flat replaces arrays among them by their elements, in lax mode.
func (r *pathRun) collect(i *jsonpath.Item, v *types.JSONNode, flat bool) (all []*types.JSONNode, err error) {
	probing := r.probing
	r.probing = false
	defer func() { r.probing = probing }()
	err = r.exec(i, v, r.lax(), func(n *types.JSONNode) error {
		if flat && r.lax() && n.Kind == '[' {
			for k := range n.Elems {
				all = append(all, &n.Elems[k])
			}
		} else {
			all = append(all, n)
		}
		return nil
	})
	return all, err
}

func (r *pathRun) arith(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	var operands [2][]*types.JSONNode
	for k := range operands {
		var err error
		if operands[k], err = r.collect(i.Args[k], v, true); err != nil {
			return err
		}
	}
	for k, side := range []string{"left", "right"} {
		if found := operands[k]; len(found) != 1 || found[0].Kind != '0' {
			return pathFail(singletonRequired, "%s operand of jsonpath operator %s is not a single numeric value", side, i.Text)
		}
	}
	f := map[string]func(d, e types.Decimal) (types.Decimal, error){"+": types.Decimal.Add, "-": types.Decimal.Sub,
		"*": types.Decimal.Mul, "/": types.Decimal.Div, "%": types.Decimal.Mod}[i.Text]
	d, err := f(operands[0][0].Number, operands[1][0].Number)
	if err != nil {
		return &pathError{sqlerr.From(err)}
	}
	return r.next(i, numberNode(d), emit)
}

func (r *pathRun) sign(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	found, err := r.collect(i.Args[0], v, true)
	if err != nil {
		return err
	}
	for _, n := range found {
		if n.Kind != '0' && r.probing && i.Next == nil { // as PostgreSQL has it
			continue
		}
		if n.Kind != '0' {
			return pathFail(jsonNumberNotFound, "operand of unary jsonpath operator %s is not a numeric value", i.Text)
		}
		if i.Text == "-" {
			n = numberNode(n.Number.Neg())
		}
		if err := r.next(i, n, emit); err != nil {
			return err
		}
	}
	return nil
}

func (r *pathRun) method(i *jsonpath.Item, v *types.JSONNode, unwrap bool, emit emitFunc) error {
	switch i.Text {
	case "type":
		name := jsonKindNames[v.Kind]
		return r.next(i, &types.JSONNode{Kind: '"', Text: name}, emit)
	case "size":
		size := 1
		if v.Kind == '[' {
			size = len(v.Elems)
		} else if r.strict {
			if r.lenient {
				return nil
			}
			return pathFail(jsonArrayNotFound, "jsonpath item method .size() can only be applied to an array")
		}
		return r.next(i, numberNode(types.DecimalFromInt64(int64(size))), emit)
	case "datetime":
		return sqlerr.New(sqlerr.FeatureNotSupported, "jsonpath item method .datetime() is not supported").
			WithHint("Cast what jsonb_path_query gives.")
	}
	if unwrap && v.Kind == '[' {
		return r.unwrapped(i, v, emit)
	}
	var err error
	switch i.Text {
	case "keyvalue":
		return r.keyValue(i, v, emit)
	case "double":
		v, err = pathDouble(v)
	default:
		if v.Kind != '0' {
			return pathFail(nonNumericItem, "jsonpath item method .%s() can only be applied to a numeric value", i.Text)
		}
		v = numberNode(map[string]func(types.Decimal) types.Decimal{"abs": types.Decimal.Abs, "floor": types.Decimal.Floor,
			"ceiling": types.Decimal.Ceil}[i.Text](v.Number))
	}
	if err != nil {
		return err
	}
	return r.next(i, v, emit)
}

// pathDouble converts to a number that a double holds.
func pathDouble(v *types.JSONNode) (*types.JSONNode, error) {
	switch v.Kind {
	case '0':
		if _, err := types.ParseFloat(v.Number.String(), 64); err != nil {
			return nil, pathFail(nonNumericItem,
				"numeric argument of jsonpath item method .double() is out of range for type double precision")
		}
		return v, nil
	case '"':
		f, err := types.ParseFloat(v.Text, 64)
		if err == nil && f-f == 0 {
			var d types.Decimal
			if d, err = types.DecimalFromFloat(f, 64); err == nil {
				return numberNode(d), nil
			}
		}
		return nil, pathFail(nonNumericItem,
			"string argument of jsonpath item method .double() is not a valid representation of a double precision number")
	}
	return nil, pathFail(nonNumericItem, "jsonpath item method .double() can only be applied to a string or numeric value")
}

// keyValue gives an object for each member of an object. Its id tells the objects of one run apart.
func (r *pathRun) keyValue(i *jsonpath.Item, v *types.JSONNode, emit emitFunc) error {
	if v.Kind != '{' {
		return pathFail(jsonObjectNotFound, "jsonpath item method .keyvalue() can only be applied to an object")
	}
	id := int64(0)
	if v != r.root {
		r.numbers++
		id = r.numbers
	}
	for k := range v.Elems {
		pair := &types.JSONNode{Kind: '{', Keys: []string{"id", "key", "value"}, Elems: []types.JSONNode{
			*numberNode(types.DecimalFromInt64(id)), {Kind: '"', Text: v.Keys[k]}, v.Elems[k]}}
		if err := r.next(i, pair, emit); err != nil {
			return err
		}
	}
	return nil
}
