package engine

import (
	"context"
	"strings"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// CreateTopic makes a topic that no relation has yet; a stream or table may be made over it later. Errors are the
// cluster's.
func (e *Engine) CreateTopic(ctx context.Context, c cluster.TopicConfig) error {
	if Reserved(c.Name) {
		return sqlerr.New(sqlerr.InvalidName, "topic %q is reserved", c.Name)
	}
	if c.Home = flowID; placementOf(c) == catalog.Spread {
		c.Home = 0 // nothing that queries write goes there
	}
	return e.changeTopics(ctx, cluster.Change{CreateTopics: []cluster.TopicConfig{c}})
}

// DeleteTopic deletes a topic that no relation is over.
func (e *Engine) DeleteTopic(ctx context.Context, name string) error {
	if Reserved(name) {
		return sqlerr.New(sqlerr.InvalidName, "topic %q is reserved", name)
	}
	return e.changeTopics(ctx, cluster.Change{DeleteTopics: []string{name}})
}

// changeTopics commits a change of topics between two of the catalog.
func (e *Engine) changeTopics(ctx context.Context, change cluster.Change) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	for _, name := range change.DeleteTopics {
		if err := e.Unused(name); err != nil {
			return err
		}
	}
	change.IfVersion = e.version
	return e.update(ctx, change)
}

// AddPartitions makes a topic that no relation is over have so many partitions in all.
func (e *Engine) AddPartitions(ctx context.Context, name string, partitions int) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if err := e.Unused(name); err != nil {
		return err
	}
	return e.node.AddPartitions(ctx, name, partitions)
}

// Unused says whether a topic is left to its owner: the error names a relation that is over it.
func (e *Engine) Unused(topic string) error {
	for _, r := range e.Catalog().Relations() {
		if r.Topic == topic {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "%s %s is over topic %q",
				strings.ToLower(string(r.Kind)), r.Name, topic)
		}
	}
	return nil
}

// Writers says of which topics only a query writes the records: their relations, by topic. Whoever has listed the
// topics before learns of every one of them, because a topic and its relation are made together.
func Writers(node *cluster.Node) (map[string]string, error) {
	_, docs := node.Documents()
	writers := map[string]string{}
	for key, doc := range docs {
		if !strings.HasPrefix(key, relationPrefix) {
			continue
		}
		r, err := catalog.Decode(doc)
		if err != nil {
			return nil, err
		}
		if r.Query != "" && r.Topic != "" {
			writers[r.Topic] = r.Name
		}
	}
	return writers, nil
}

// HasTopic says whether there is a topic of that name.
func (e *Engine) HasTopic(name string) bool {
	_, ok := e.node.Topic(name)
	return ok
}

// Reserved says whether topics of that name belong to the system.
func Reserved(topic string) bool { return strings.HasPrefix(topic, "__leat") }
