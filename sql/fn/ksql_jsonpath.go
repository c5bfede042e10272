package fn

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// pathStep is a step of a path: to a field by name, or to an element counted from 0.
type pathStep struct {
	name  string
	index int // -1 for a name
}

// readPath reads $.name.other[0]["quoted"].
func readPath(path string) ([]pathStep, error) {
	rest, ok := strings.CutPrefix(path, "$")
	var steps []pathStep
	for ok && rest != "" {
		switch {
		case strings.HasPrefix(rest, `["`):
			var name string
			if name, rest, ok = strings.Cut(rest[2:], `"]`); ok {
				steps = append(steps, pathStep{name, -1})
			}
		case rest[0] == '[':
			var digits string
			if digits, rest, ok = strings.Cut(rest[1:], "]"); ok {
				n, err := strconv.Atoi(digits)
				if ok = err == nil; n < 0 {
					n = math.MaxInt // there is none
				}
				steps = append(steps, pathStep{index: n})
			}
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			ok = end > 1
			steps = append(steps, pathStep{rest[1:end], -1})
			rest = rest[end:]
		default:
			ok = false
		}
	}
	if !ok {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid JSON path: %q", path).
			WithHint("A path looks like $.field.other[0].")
	}
	return steps, nil
}

// at follows a path; nil when it leads nowhere or to null.
func (b jsonText) at(path []pathStep) jsonText {
	for _, s := range path {
		found := jsonText(nil)
		if s.index >= 0 {
			if items, ok := b.items(); ok && s.index < len(items) {
				found = items[s.index]
			}
		} else {
			fs, _ := b.fields()
			for _, f := range fs {
				if f.name == s.name {
					found = f.val
				}
			}
		}
		if b = found; b == nil {
			return nil
		}
	}
	if string(b) == "null" {
		return nil
	}
	return b
}

func extractJSON(r Row, out *vec.Column) error {
	path, err := readPath(r.Text(1))
	if err != nil {
		return err
	}
	v := readJSON(r.Bytes(0)).at(path)
	if v == nil {
		out.AppendNull()
		return nil
	}
	out.Data = v.appendPlain(out.Data)
	out.CloseBytes()
	return nil
}
