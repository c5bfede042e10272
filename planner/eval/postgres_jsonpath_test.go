//go:build clients

package eval_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPaths runs random paths of SQL/JSON over random values.
func TestPaths(t *testing.T) {
	conn := connect(t)
	rng := rand.New(rand.NewPCG(7, 8))
	const n = 4000
	bad := 0
	for k := range n {
		path := pick(rng, "||strict |lax |strict ") + pathText(rng, 3)
		if rng.IntN(10) == 0 {
			path = pathCondition(rng, 2)
		}
		path = strings.ReplaceAll(path, "'", "''")
		x := fmt.Sprintf("'%s'::jsonpath::text", path)
		if k%8 > 0 {
			x = fmt.Sprintf("%s('%s', '%s', '{\"x\": 2, \"y\": \"a\"}', %s)",
				pick(rng, "jsonb_path_query_array|jsonb_path_query_array|jsonb_path_exists|jsonb_path_match|jsonb_path_query_first"),
				pick(rng, pathValues), path, pick(rng, "false|false|true"))
		}
		if diff := compare(conn, x); diff != "" && !misprinted(x) {
			if bad++; bad <= 40 {
				t.Errorf("%s: %s", x, diff)
			}
		}
	}
	t.Logf("%d paths, %d differ", n, bad)
}

// misprinted are paths that PostgreSQL prints without the parentheses that they need: (a + b).type().
func misprinted(x string) bool { return strings.HasSuffix(x, "::text") && strings.Contains(x, ").") }

const pathValues = `{"a": 1, "b": [1, 2, {"c": null}], "c": "abc"}|[1, "abc", null, {"a": "b"}, 2.50, true]|{}|[]|null|"a"|12.5|` +
	`{"a": {"a": {"b": "12"}}, "b": [{"a": 1}, {"a": 5}, {"a": "x"}]}|[[1, 2], [3, [4]]]|{"b": [1, 3, 5, -7], "a": [{"b": [2]}]}|` +
	`{"a": [1, 2, 3, 4, 5], "b": {"x": 1, "y": 2}}`

func pathText(rng *rand.Rand, depth int) string {
	var b strings.Builder
	b.WriteString(pick(rng, "$|$|$|$|$.a|$.b|$x|1|\"abc\"|-2|(1.50)|null|true"))
	for range rng.IntN(4) {
		switch rng.IntN(9) {
		case 0, 1, 2:
			b.WriteString(pick(rng, ".a|.b|.c|.\"a\"|.*|.**|.**{1}|.**{1 to 2}|.**{last}|.x|[*]"))
		case 3:
			b.WriteString(pick(rng, "[0]|[1]|[last]|[0 to 1]|[1 to last]|[last - 1]|[0,2]|[$x]|[1.7]|[10]|[\"a\"]|[$.a]"))
		case 4:
			b.WriteString(pick(rng, ".type()|.size()|.double()|.abs()|.floor()|.ceiling()|.size"))
		case 5, 6:
			if depth > 0 {
				b.WriteString(" ? (" + strings.ReplaceAll(pathCondition(rng, depth-1), "$.", "@.") + ")")
			}
		case 7:
			if depth > 0 && rng.IntN(2) == 0 {
				return "(" + b.String() + pick(rng, " + | - | * | / | % ") + pathText(rng, depth-1) + ")" + pick(rng, "|.abs()|.type()")
			}
		case 8:
			if rng.IntN(3) == 0 {
				return pick(rng, "-|+|- ") + b.String()
			}
		}
	}
	return b.String()
}

func pathCondition(rng *rand.Rand, depth int) string {
	operand := func() string {
		if rng.IntN(3) == 0 {
			return pick(rng, "@|@.a|@.b|@[*]|@.*")
		}
		return pathText(rng, max(depth-1, 0))
	}
	if depth > 0 {
		switch rng.IntN(8) {
		case 0:
			return pathCondition(rng, depth-1) + pick(rng, " && | || ") + pathCondition(rng, depth-1)
		case 1:
			return "!(" + pathCondition(rng, depth-1) + ")"
		case 2:
			return "(" + pathCondition(rng, depth-1) + ") is unknown"
		}
	}
	switch rng.IntN(6) {
	case 0:
		return "exists(" + operand() + ")"
	case 1:
		return operand() + pick(rng, " starts with \"a\"| starts with $y| like_regex \"^A\" flag \"i\"| like_regex \"b\"")
	}
	return operand() + pick(rng, " == | != | < | > | <= | >= | <> ") + operand()
}
