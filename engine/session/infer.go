package session

import (
	"context"
	"maps"
	"strconv"
	"strings"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// defaultSample is how many records are looked at to infer columns, maxSample how many may be.
const (
	defaultSample = 1000
	maxSample     = 1000000
)

// infers reports whether a CREATE asks for columns to be inferred.
func infers(st *ast.Create) bool {
	for _, p := range st.Props {
		if lit, ok := p.Val.(*ast.Lit); p.Key == "infer" && ok && lit.Text == "true" {
			return st.As == nil
		}
	}
	return false
}

// bindInferred binds CREATE STREAM or TABLE … WITH (infer = true): the statement with the columns that the topic's
// records have is what is bound, run and kept.
func (s *Session) bindInferred(p *Prepared, st *ast.Create) error {
	if _, exists := s.eng.Catalog().Relation(schemaName(st.Name), st.Name.Last()); exists && st.IfNotExists {
		return s.bindCreate(p, &ast.Create{P: st.P, What: st.What, IfNotExists: true, Name: st.Name})
	}
	text, warnings, err := s.inferred(st)
	if err != nil {
		return err
	}
	stmts, err := parse.Parse(text)
	if err == nil {
		p.stmt.Text, p.stmt.Stmt = text, stmts[0].Stmt
		err = s.bindCreate(p, stmts[0].Stmt.(*ast.Create))
	}
	if err != nil {
		e := *sqlerr.From(err) // its place is in a text that the user has not written
		e.Offset = int(st.P)
		return e.WithDetail("The statement is %s", text)
	}
	run := p.run
	p.run = func(ctx context.Context, args []types.Value) (Result, error) {
		r, err := run(ctx, args)
		if err != nil {
			return nil, sqlerr.Locate(err, st.Pos())
		}
		s.warn(sqlerr.SuccessfulCompletion, "%s", text)
		for _, w := range warnings {
			s.warn(sqlerr.Warning, "%s", w)
		}
		return r, nil
	}
	return nil
}

// inferred writes the statement with the columns of the topic's records, and says what of them is left out.
func (s *Session) inferred(st *ast.Create) (text string, warnings []string, err error) {
	var with []string
	formatted := false
	topic, topicPos, sample := "", st.Name.Pos(), int64(defaultSample)
	for _, p := range st.Props {
		lit, ok := p.Val.(*ast.Lit)
		switch {
		case p.Key == "infer":
			continue
		case p.Key == "sample":
			if ok {
				sample, err = strconv.ParseInt(lit.Text, 10, 64)
			}
			if !ok || err != nil || sample < 1 || sample > maxSample {
				return "", nil, sqlerr.At(p.Val.Pos(), sqlerr.InvalidParameterValue, "sample is a number from 1 to %d", maxSample)
			}
			continue
		case (p.Key == "value_format" || p.Key == "format") && ok && !strings.EqualFold(lit.Text, "JSON"):
			return "", nil, sqlerr.At(p.Val.Pos(), sqlerr.FeatureNotSupported, "columns can only be inferred of values in JSON").
				WithHint("Name the columns.")
		case p.Key == "value_format" || p.Key == "format":
			formatted = true
		case p.Key == "kafka_topic" && ok:
			topic, topicPos = lit.Text, p.Val.Pos()
		}
		with = append(with, propText(p))
	}
	if topic == "" {
		return "", nil, sqlerr.At(topicPos, sqlerr.InvalidParameterValue,
			"infer needs a kafka_topic whose records can be looked at")
	}
	if err := s.mayReadTopic(topic); err != nil {
		return "", nil, sqlerr.Locate(err, topicPos)
	}
	in, err := s.eng.Infer(topic, int(sample))
	if err != nil {
		return "", nil, sqlerr.Locate(err, topicPos)
	}
	cols, err := inferredColumns(st, in)
	if err != nil {
		return "", nil, err
	}
	for _, f := range in.Fields {
		if pseudo[strings.ToLower(f.Name)] {
			warnings = append(warnings, "field \""+f.Name+"\" has the name of a pseudo column and is left out")
		}
	}
	if in.Others > 0 {
		warnings = append(warnings, strconv.Itoa(in.Others)+" of the records that were looked at are no JSON objects")
	}
	if !formatted {
		with = append(with, "value_format = 'JSON'")
	}
	return inferredText(st, cols, with), warnings, nil
}

// pseudo are the names that no column can have.
var pseudo = map[string]bool{"rowtime": true, "rowpartition": true, "rowoffset": true}

// inferredText is st with columns and properties.
func inferredText(st *ast.Create, cols, with []string) string {
	text := "CREATE "
	if st.OrReplace {
		text += "OR REPLACE "
	}
	if st.Source {
		text += "SOURCE "
	}
	text += st.What + " "
	if st.IfNotExists {
		text += "IF NOT EXISTS "
	}
	var name []string
	for _, part := range st.Name.Parts {
		name = append(name, fn.QuoteIdent(part))
	}
	return text + strings.Join(name, ".") + " (" + strings.Join(cols, ", ") + ") WITH (" + strings.Join(with, ", ") + ")"
}

func propText(p ast.Prop) string {
	switch v := p.Val.(type) {
	case *ast.Lit:
		if v.Kind != ast.LitString {
			return p.Key + " = " + v.Text
		}
		return p.Key + " = '" + strings.ReplaceAll(v.Text, "'", "''") + "'"
	case *ast.ColRef:
		return p.Key + " = " + strings.Join(v.Name, ".")
	}
	return p.Key
}

// inferredColumns lists the definitions of the columns: those that the statement has, a key where it has none and the
// records do, and the fields that are not among them.
func inferredColumns(st *ast.Create, in *engine.Inferred) ([]string, error) {
	var cols []string
	taken := maps.Clone(pseudo)
	keyed := len(st.PrimaryKey) > 0
	for _, c := range st.Columns {
		taken[c.Name], taken[strings.ToLower(c.Name)] = true, true
		keyed = keyed || c.Key || c.PrimaryKey
	}
	lower := map[string]int{}
	for _, f := range in.Fields {
		lower[strings.ToLower(f.Name)]++
	}
	if st.ColsText != "" {
		cols = append(cols, st.ColsText)
	}
	role := " KEY"
	if st.What == "TABLE" {
		role = " PRIMARY KEY"
	}
	switch {
	case keyed:
	case in.Key != types.Unknown:
		name := "key"
		for i := 1; taken[name] || lower[name] > 0; i++ {
			name = "key_" + strconv.Itoa(i)
		}
		cols = append([]string{fn.QuoteIdent(name) + " " + in.Key.String() + role}, cols...)
	case st.What == "TABLE":
		return nil, sqlerr.At(st.Name.Pos(), sqlerr.InvalidTableDefinition,
			"no primary key can be inferred: the records have no keys").WithHint("Make a stream of the topic.")
	}
	for _, f := range in.Fields {
		name := f.Name
		if small := strings.ToLower(name); lower[small] == 1 && strings.Trim(small, plainLetters) == "" {
			name = small // records are read whatever the case
		}
		if !taken[name] && name != "" {
			taken[name] = true
			cols = append(cols, fn.QuoteIdent(name)+" "+f.Type.String())
		}
	}
	return cols, nil
}

const plainLetters = "abcdefghijklmnopqrstuvwxyz0123456789_"
