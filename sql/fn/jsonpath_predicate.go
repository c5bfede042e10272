package fn

import (
	"errors"
	"regexp"
	"strings"

	"github.com/leatdb/leat/sql/jsonpath"
	"github.com/leatdb/leat/sql/types"
)

// pathTruth is what a predicate says.
type pathTruth uint8

const (
	pathFalse pathTruth = iota
	pathTrue
	pathUnknown
)

func truth(b bool) pathTruth {
	if b {
		return pathTrue
	}
	return pathFalse
}

// filter tests a predicate in which @ is v.
func (r *pathRun) filter(i *jsonpath.Item, v *types.JSONNode) (pathTruth, error) {
	outer := r.current
	r.current = v
	t, err := r.test(i, v)
	r.current = outer
	return t, err
}

// quiet turns an error of the path into unknown.
func quiet(err error) (unknown bool, _ error) {
	var soft *pathError
	if errors.As(err, &soft) {
		return true, nil
	}
	return false, err
}

func (r *pathRun) test(i *jsonpath.Item, v *types.JSONNode) (pathTruth, error) {
	switch i.Kind {
	case jsonpath.And, jsonpath.Or:
		decided := truth(i.Kind == jsonpath.Or)
		a, err := r.test(i.Args[0], v)
		if err != nil || a == decided {
			return a, err
		}
		b, err := r.test(i.Args[1], v)
		if err != nil || b == decided || b == pathUnknown {
			return b, err
		}
		return a, nil
	case jsonpath.Not:
		t, err := r.test(i.Args[0], v)
		if t != pathUnknown {
			t = truth(t == pathFalse)
		}
		return t, err
	case jsonpath.IsUnknown:
		t, err := r.test(i.Args[0], v)
		return truth(t == pathUnknown), err
	case jsonpath.Exists:
		return r.exists(i.Args[0], v)
	}
	return r.predicate(i, v)
}

// exists tells whether a path has results. Strict mode looks at all of it for errors.
func (r *pathRun) exists(i *jsonpath.Item, v *types.JSONNode) (pathTruth, error) {
	found, err := r.any(i, v)
	if unknown, err := quiet(err); err != nil || unknown {
		return pathUnknown, err
	}
	return truth(found), nil
}

// any reports whether a path has results.
func (r *pathRun) any(i *jsonpath.Item, v *types.JSONNode) (found bool, err error) {
	if r.strict {
		all, err := r.collect(i, v, false)
		return len(all) > 0, err
	}
	probing := r.probing
	r.probing = true
	err = r.exec(i, v, true, func(*types.JSONNode) error {
		found = true
		return errEnough
	})
	r.probing = probing
	if err == errEnough {
		err = nil
	}
	return found, err
}

// predicate tests all pairs of what the operands give.
func (r *pathRun) predicate(i *jsonpath.Item, v *types.JSONNode) (pathTruth, error) {
	left, err := r.collect(i.Args[0], v, true)
	right := []*types.JSONNode{nil}
	if err == nil && len(i.Args) > 1 {
		right, err = r.collect(i.Args[1], v, i.Kind == jsonpath.Compare)
	}
	if unknown, err := quiet(err); err != nil || unknown {
		return pathUnknown, err
	}
	failed, found := false, false
	for _, a := range left {
		for _, b := range right {
			t, err := r.pair(i, a, b)
			switch {
			case err != nil:
				return pathUnknown, err
			case t == pathUnknown && r.strict:
				return t, nil
			case t == pathTrue && r.lax():
				return t, nil
			}
			failed, found = failed || t == pathUnknown, found || t == pathTrue
		}
	}
	switch {
	case found:
		return pathTrue, nil
	case failed:
		return pathUnknown, nil
	}
	return pathFalse, nil
}

func (r *pathRun) pair(i *jsonpath.Item, a, b *types.JSONNode) (pathTruth, error) {
	switch i.Kind {
	case jsonpath.StartsWith:
		if a.Kind != '"' || b.Kind != '"' {
			return pathUnknown, nil
		}
		return truth(strings.HasPrefix(a.Text, b.Text)), nil
	case jsonpath.LikeRegex:
		if a.Kind != '"' {
			return pathUnknown, nil
		}
		re, err := r.regex(i)
		if err != nil {
			return pathUnknown, err
		}
		return truth(re.MatchString(a.Text)), nil
	}
	return comparePathItems(i.Text, a, b), nil
}

// regex compiles the expression of like_regex once.
func (r *pathRun) regex(i *jsonpath.Item) (*regexp.Regexp, error) {
	if re, ok := r.regexes[i]; ok {
		return re, nil
	}
	re, err := compilePathRegex(i)
	if r.regexes == nil {
		r.regexes = map[*jsonpath.Item]*regexp.Regexp{}
	}
	r.regexes[i] = re
	return re, err
}

func compilePathRegex(i *jsonpath.Item) (*regexp.Regexp, error) {
	mode := ""
	for _, f := range "ims" {
		if strings.ContainsRune(i.Flags, f) {
			mode += string(f)
		}
	}
	pattern := i.Text
	if strings.Contains(i.Flags, "q") {
		pattern, mode = regexp.QuoteMeta(pattern), strings.Trim(mode, "ms")
	}
	if mode != "" {
		pattern = "(?" + mode + ":" + pattern + ")"
	}
	return compileRegexMode(pattern, "")
}

// comparePathItems compares two values: those of different types, arrays and objects cannot be compared.
func comparePathItems(op string, a, b *types.JSONNode) pathTruth {
	ka, kb := pathKind(a), pathKind(b)
	c := 0
	switch {
	case ka != kb && (ka == 'n' || kb == 'n'):
		return truth(op == "!=")
	case ka != kb || ka == '[' || ka == '{':
		return pathUnknown
	case ka == '0':
		c = a.Number.Cmp(b.Number)
	case ka == '"':
		c = strings.Compare(a.Text, b.Text)
	case a.Kind != b.Kind: // of truth values
		if c = -1; a.Kind == 't' {
			c = 1
		}
	}
	switch op {
	case "==":
		return truth(c == 0)
	case "!=":
		return truth(c != 0)
	case "<":
		return truth(c < 0)
	case "<=":
		return truth(c <= 0)
	case ">":
		return truth(c > 0)
	}
	return truth(c >= 0)
}

// pathKind is the kind of a value, the same for both truth values.
func pathKind(v *types.JSONNode) byte {
	if v.Kind == 'f' {
		return 't'
	}
	return v.Kind
}
