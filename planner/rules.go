package planner

import (
	"slices"
	"strings"

	"github.com/leatdb/leat/planner/plan"
)

// rule is a part of the optimiser that can be switched off: what it does changes no answer.
type rule struct{ name, doc string }

// The rules, by the names that RulesSetting knows them by.
const (
	ruleFactor = "factor_or"
	rulePush   = "push_filters"
	ruleTop    = "top_n"
	ruleOrder  = "order_joins"
	ruleFold   = "fold_constants"
	rulePrune  = "prune_columns"
	ruleLookup = "key_lookups"
	ruleProbe  = "probe_joins"
	ruleShare  = "share_subplans"
	ruleKeys   = "share_keys"
	ruleIndex  = "join_indexes"
	ruleParts  = "share_parts"
	ruleEarly  = "early_filters"
)

// rules are in the order in which they are tried.
var rules = []rule{
	{ruleFactor, "takes out of OR what all its branches have in common"},
	{rulePush, "moves conditions below what they do not depend on, and makes keys of joins of them"},
	{ruleTop, "keeps the first rows of each group where only those are asked for by their number"},
	{ruleOrder, "joins in the order that is cheapest by what the tables hold, or that needs no cross product"},
	{ruleFold, "computes what moving conditions has made constant, and leaves out what no row can pass"},
	{rulePrune, "drops columns that nobody uses, so that they are not decoded"},
	{ruleLookup, "reads the rows of a key, and no others, where a condition fixes it"},
	{ruleProbe, "finds the rows of a large table that a join of few rows wants by key or index"},
	{ruleShare, "computes once what stands in a query more than once"},
	{ruleIndex, "finds the rows of a table that a continuous query joins where they are, by key or shared index"},
	{ruleEarly, "decodes what conditions are about first, and the rest only of the records that they let through"},
	{ruleParts, "computes once the aggregations that continuous queries have in common"},
	{ruleKeys, "keeps the keys of groups once for all continuous queries that have the same groups"},
}

// RulesSetting is the setting that lists the rules which are switched off.
const RulesSetting = "leat.disable_rules"

// Rules lists the names of the rules of the optimiser.
func Rules() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

// RuleList reads a value of RulesSetting. The second result is the first name that is of no rule.
func RuleList(value string) (names []string, unknown string) {
	for _, name := range strings.Split(value, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if !slices.Contains(Rules(), name) {
			return nil, name
		}
		names = append(names, name)
	}
	return names, ""
}

// ruleOn reports whether a rule is on under a value of RulesSetting.
func ruleOn(value, rule string) bool {
	names, _ := RuleList(value)
	return !slices.Contains(names, rule)
}

// FiltersEarly reports whether records are passed over while they are decoded that a query does not want which was made
// under a value of RulesSetting.
func FiltersEarly(value string) bool { return ruleOn(value, ruleEarly) }

// SharesKeys reports whether a query made under a value of RulesSetting shares the keys of its groups with others.
func SharesKeys(value string) bool { return ruleOn(value, ruleKeys) }

// off reports whether a rule is switched off.
func (b *binder) off(name string) bool {
	if b.disabled == nil {
		b.disabled = map[string]bool{}
		names, _ := RuleList(b.ctx.setting(RulesSetting))
		for _, n := range names {
			b.disabled[n] = true
		}
	}
	return b.disabled[name]
}

// try applies a rule to a tree unless it is off. Where EXPLAIN asks for it, it is noted whether that changed anything.
func (b *binder) try(name string, n plan.Node, f func(plan.Node) plan.Node) plan.Node {
	if b.off(name) {
		return n
	}
	if !b.ctx.Logical {
		return f(n)
	}
	before := nodeString(n)
	out := f(n)
	if nodeString(out) != before {
		b.applied(name)
	}
	return out
}

// applied notes that a rule changed the plan.
func (b *binder) applied(name string) {
	if !slices.Contains(b.rulesApplied, name) {
		b.rulesApplied = append(b.rulesApplied, name)
	}
}
