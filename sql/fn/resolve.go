package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// candidate is one overload that takes the right number of arguments.
type candidate struct {
	at   int          // its place in the list of overloads
	want []types.Type // declared types, one per actual argument
	to   []types.Type // the types the arguments are converted to
	ret  types.Type

	bound binding // what its pseudo-types stand for
}

// check refuses a candidate whose types are not determined.
func (c *candidate) check() error {
	if c.bound.undetermined {
		return sqlerr.New(sqlerr.DatatypeMismatch,
			"could not determine polymorphic type because input has type unknown")
	}
	return nil
}

// overload is what resolution needs to know of a function, operator or aggregate.
type overload struct {
	args     []types.Type
	variadic bool
	ret      types.Type
	resolve  func(args []types.Type) (params []types.Type, ret types.Type, ok bool)
}

func scalarOverloads(fs []*Scalar) []overload {
	os := make([]overload, len(fs))
	for i, f := range fs {
		os[i] = overload{f.Args, f.Variadic, f.Ret, f.Resolve}
	}
	return os
}

// ResolveScalar picks the overload of a function for arguments of these types by the rules of PostgreSQL's chapter
// 10.3. It returns the types to convert the arguments to, and the type of the result.
func ResolveScalar(name string, args []types.Type) (*Scalar, []types.Type, types.Type, error) {
	fs := scalars[name]
	c, ambiguous := resolve(scalarOverloads(fs), args)
	if name == "greatest" || name == "least" {
		if err := checkExtreme(c, name, args); err != nil {
			return nil, nil, types.Unknown, err
		}
	}
	if c == nil {
		return nil, nil, types.Unknown, noFunction(name, args, ambiguous)
	}
	return fs[c.at], c.to, c.ret, c.check()
}

// Takes reports whether a function has an overload for arguments of just these types, so that none is converted.
func Takes(name string, args ...types.Type) bool {
	have := make([]types.Type, len(args))
	for i, t := range args {
		have[i] = base(t)
	}
	return exact(candidates(scalarOverloads(scalars[name]), have), have) != nil
}

// checkExtreme refuses what greatest and least cannot compare.
func checkExtreme(c *candidate, name string, args []types.Type) error {
	if c == nil {
		_, err := CommonType(args, strings.ToUpper(name))
		return err
	}
	if c.ret.Kind == types.KindJSON {
		return sqlerr.New(sqlerr.UndefinedFunction, "could not identify a comparison function for type json")
	}
	return nil
}

// ResolveAggregate does for aggregate functions what ResolveScalar does for others. count(*) is count of no argument.
func ResolveAggregate(name string, args []types.Type) (*Aggregate, []types.Type, types.Type, error) {
	fs := aggregates[name]
	os := make([]overload, len(fs))
	for i, f := range fs {
		os[i] = overload{f.Args, false, f.Ret, f.Resolve}
	}
	c, ambiguous := resolve(os, args)
	if c == nil {
		return nil, nil, types.Unknown, noFunction(name, args, ambiguous)
	}
	return fs[c.at], c.to, c.ret, c.check()
}

// ResolveOperator picks an operator for one (prefix) or two operands by the rules of PostgreSQL's chapter 10.2.
func ResolveOperator(op string, args []types.Type) (*Scalar, []types.Type, types.Type, error) {
	name := op
	if op == "!=" {
		name = "<>"
	}
	if len(args) == 1 {
		name = "prefix " + op
	}
	fs := scalars[name]
	os := scalarOverloads(fs)
	if len(args) == 2 { // an untyped literal is first taken to have the other side's type
		l, r := base(args[0]), base(args[1])
		if l == types.Unknown {
			l = r
		} else if r == types.Unknown {
			r = l
		}
		if c := exact(candidates(os, []types.Type{l, r}), []types.Type{l, r}); c != nil && l != types.Unknown {
			keepMods(c, args)
			return fs[c.at], c.to, c.ret, nil
		}
	}
	c, ambiguous := resolve(os, args)
	if c == nil {
		return nil, nil, types.Unknown, noOperator(op, args, ambiguous)
	}
	return fs[c.at], c.to, c.ret, c.check()
}

// resolve picks one of the overloads; nil when none fits or several fit equally well.
func resolve(os []overload, args []types.Type) (c *candidate, ambiguous bool) {
	have := make([]types.Type, len(args))
	for i, t := range args {
		have[i] = base(t)
	}
	all := candidates(os, have)
	if c = exact(all, have); c == nil {
		var fit []candidate
		for _, one := range all {
			if coercible(have, one.want) {
				fit = append(fit, one)
			}
		}
		if len(fit) > 1 {
			fit = narrow(fit, have)
		}
		if len(fit) != 1 {
			return nil, len(fit) > 1
		}
		c = &fit[0]
	}
	keepMods(c, args)
	return c, false
}

// keepMods leaves the modifier of an argument that needs no conversion, so that none is planned.
func keepMods(c *candidate, args []types.Type) {
	to := make([]types.Type, len(args))
	for i, t := range args {
		to[i] = c.to[i]
		if base(t) == base(to[i]) {
			to[i] = t
		}
	}
	c.to = to
}

// candidates returns the overloads of the right number of arguments whose pseudo-types can be bound.
func candidates(os []overload, have []types.Type) []candidate {
	var all []candidate
	for at, o := range os {
		if o.resolve != nil {
			if to, ret, ok := o.resolve(have); ok && len(to) == len(have) {
				all = append(all, candidate{at: at, want: to, to: to, ret: ret})
			}
			continue
		}
		want := o.args
		if o.variadic && len(have) >= len(want) {
			want = append([]types.Type(nil), want...)
			for len(want) < len(have) {
				want = append(want, o.args[len(o.args)-1])
			}
		}
		if len(want) != len(have) {
			continue
		}
		b, ok := bind(want, have)
		if !ok {
			continue
		}
		to := make([]types.Type, len(want))
		for i := range want {
			to[i] = b.apply(want[i], have[i])
		}
		all = append(all, candidate{at, want, to, b.apply(o.ret, types.Unknown), b})
	}
	return all
}

// exact returns the candidate that declares precisely the types at hand.
func exact(all []candidate, have []types.Type) *candidate {
next:
	for n := range all {
		for i, w := range all[n].want {
			if w != have[i] {
				continue next
			}
		}
		return &all[n]
	}
	return nil
}

// coercible reports whether all arguments convert implicitly. Pseudo-types were checked when they were bound.
func coercible(have, want []types.Type) bool {
	for i, w := range want {
		if !IsPseudo(w) && !CanCast(have[i], w, Implicit) {
			return false
		}
	}
	return true
}

// narrow follows PostgreSQL's func_select_candidate step by step; each step keeps the candidates that are best by one
// rule, until one is left.
func narrow(cs []candidate, have []types.Type) []candidate {
	cs = best(cs, func(c *candidate) (n int) {
		for i, w := range c.want {
			if have[i] != types.Unknown && w == have[i] {
				n++
			}
		}
		return n
	})
	if len(cs) == 1 {
		return cs
	}
	cs = best(cs, func(c *candidate) (n int) {
		for i, w := range c.want {
			if have[i] != types.Unknown && (w == have[i] || preferred(w) && category(w) == category(have[i])) {
				n++
			}
		}
		return n
	})
	if len(cs) == 1 {
		return cs
	}
	unknowns := 0
	for _, h := range have {
		if h == types.Unknown {
			unknowns++
		}
	}
	if unknowns == 0 {
		return cs
	}
	if cs = byUnknownCategory(cs, have); len(cs) == 1 || unknowns == len(have) {
		return cs
	}
	return byKnownType(cs, have)
}

// best keeps the candidates of the highest score.
func best(cs []candidate, score func(*candidate) int) []candidate {
	var kept []candidate
	top := -1
	for i := range cs {
		n := score(&cs[i])
		if n > top {
			top, kept = n, kept[:0]
		}
		if n == top {
			kept = append(kept, cs[i])
		}
	}
	return kept
}

// byUnknownCategory decides what category each untyped literal has, string when any candidate says so, and drops the
// candidates of other categories, or not of the preferred type where some candidate has it.
func byUnknownCategory(cs []candidate, have []types.Type) []candidate {
	type slot struct {
		cat  byte
		pref bool
	}
	slots := make([]slot, len(have))
	for i, h := range have {
		if h != types.Unknown {
			continue
		}
		conflict := false
		s := &slots[i]
		for _, c := range cs {
			cat, pref := category(c.want[i]), preferred(c.want[i])
			switch {
			case s.cat == 0:
				*s = slot{cat, pref}
			case cat == s.cat:
				s.pref = s.pref || pref
			case cat == 'S':
				*s = slot{cat, pref}
			default:
				conflict = true
			}
		}
		if conflict && s.cat != 'S' {
			return cs
		}
	}
	var kept []candidate
	for _, c := range cs {
		keep := true
		for i, h := range have {
			if h == types.Unknown && (category(c.want[i]) != slots[i].cat || slots[i].pref && !preferred(c.want[i])) {
				keep = false
			}
		}
		if keep {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return cs
	}
	return kept
}

// byKnownType is the last resort: when all typed arguments have one type, the untyped are taken to have it too.
func byKnownType(cs []candidate, have []types.Type) []candidate {
	known := types.Unknown
	for _, h := range have {
		if h == types.Unknown || h == known {
			continue
		}
		if known != types.Unknown {
			return cs
		}
		known = h
	}
	same := make([]types.Type, len(have))
	for i := range same {
		same[i] = known
	}
	var kept []candidate
	for _, c := range cs {
		if _, ok := bind(c.want, same); ok && coercible(same, c.want) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 1 {
		return kept
	}
	return cs
}

// Choose picks one of several functions of one name by the types of its arguments; each is given by the types of the
// parameters that the arguments are for.
func Choose(name string, params [][]types.Type, args []types.Type) (int, error) {
	os := make([]overload, len(params))
	for i, p := range params {
		os[i] = overload{args: p, ret: types.Unknown}
	}
	c, ambiguous := resolve(os, args)
	if c == nil {
		return 0, noFunction(name, args, ambiguous)
	}
	return c.at, nil
}

func noFunction(name string, args []types.Type, ambiguous bool) error {
	if ambiguous {
		return sqlerr.New(sqlerr.AmbiguousFunction, "function %s(%s) is not unique", name, Signature(args)).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	}
	return sqlerr.New(sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, Signature(args)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

func noOperator(op string, args []types.Type, ambiguous bool) error {
	text := op + " " + Signature(args)
	if len(args) == 2 {
		text = Signature(args[:1]) + " " + op + " " + Signature(args[1:])
	}
	if ambiguous {
		return sqlerr.New(sqlerr.AmbiguousFunction, "operator is not unique: %s", text).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	}
	hint := "No operator matches the given name and argument types. You might need to add explicit type casts."
	if len(args) == 1 {
		hint = "No operator matches the given name and argument type. You might need to add an explicit type cast."
	}
	return sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", text).WithHint("%s", hint)
}
