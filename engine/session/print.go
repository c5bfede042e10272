package session

import (
	"context"
	"strings"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// bindPrint binds PRINT: the records of a topic come as they happen.
func (s *Session) bindPrint(p *Prepared, st *ast.PrintTopic) {
	p.cols = engine.PrintColumns()
	p.run = func(ctx context.Context, _ []types.Value) (Result, error) {
		if err := s.flushImplicit(ctx); err != nil {
			return nil, err
		}
		topic := s.topicNamed(st.Topic)
		if err := s.mayReadTopic(topic); err != nil {
			return nil, sqlerr.Locate(err, st.TopicPos)
		}
		r, err := s.eng.Print(topic, engine.PrintOptions{Beginning: st.Beginning, Interval: st.Interval, Limit: st.Limit})
		if err != nil {
			return nil, sqlerr.Locate(err, st.TopicPos)
		}
		return &rows{r: r, live: true}, nil
	}
}

// topicNamed is the topic that a name as written means: of that case, or in small letters as names of relations are.
func (s *Session) topicNamed(name string) string {
	if lower := strings.ToLower(name); !s.eng.HasTopic(name) && s.eng.HasTopic(lower) {
		return lower
	}
	return name
}

// mayReadTopic checks that the role may read a topic that is there.
func (s *Session) mayReadTopic(topic string) error {
	if s.eng.HasTopic(topic) && !s.eng.Catalog().CanUse(s.role(), catalog.OnTopic, topic, catalog.TopicRead) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for topic %s", topic)
	}
	return nil
}
