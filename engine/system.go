package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/leatdb/leat/engine/pgcatalog"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// systemTable is a relation whose rows the server makes when they are asked for.
type systemTable struct {
	rel  *catalog.Relation
	rows func(ctx context.Context, e *Engine, add func(values ...any)) error
	// now is rows of one that also tells of sessions.
	now func(ctx context.Context, e *Engine, env *fn.Env, add func(values ...any)) error
}

// systemTables are the relations of leat_catalog by name, but for errors, which is a stream.
var systemTables map[string]*systemTable

func init() { // what the rows are made by finds relations here
	systemTables = map[string]*systemTable{
		"relations": {rel: systemRelation(1002, "relations", "schema text", "name text", "kind text", "topic text",
			"partitions int4", "key_format text", "value_format text", "query_id text", "statement text",
			"on_error text", "stopped text"), rows: relationRows},
		"queries": {rel: systemRelation(1003, "queries", "id text", "kind text", "relation text", "state text",
			"query text", "memory int8", "memory_limit int8", "spilled bool", "reads int8", "evicted int8",
			"detail text", "done int8", "total int8", "percent float8", "rows_per_second float8"), rows: queryRows},
		"topics": {rel: systemRelation(1004, "topics", "name text", "partitions int4", "partition int4", "start_offset int8",
			"end_offset int8", "placement text", "shard int4", "leader int8"), rows: topicRows},
		"nodes": {rel: systemRelation(1010, "nodes", "node int8", "state text", "up bool", "version text",
			"cluster_address text",
			"postgres_address text", "kafka_address text", "level int4", "min_level int4", "max_level int4",
			"holds_level bool", "steps_behind int8", "last_step timestamptz"), rows: nodeRows},
		"shards": {rel: systemRelation(1011, "shards", "shard int4", "leader int8", "term int8", "committed int8",
			"partitions int8", "placement text"), rows: shardRows},
		"replicas": {rel: systemRelation(1012, "replicas", "shard int4", "node int8", "voter bool", "up bool",
			"applied int8"), rows: replicaRows},
		"token": {rel: systemRelation(1005, "token", "token text"), rows: tokenRows},
	}
	maps.Copy(systemTables, statusTables())
}

// systemRelation describes a system table; columns are "name type".
func systemRelation(id uint32, name string, columns ...string) *catalog.Relation {
	r := &catalog.Relation{ID: id, Schema: "leat_catalog", Name: name, Kind: catalog.System, TimeColumn: -1}
	for _, c := range columns {
		var col catalog.Column
		for i := range c {
			if c[i] == ' ' {
				t, _ := types.ByName(c[i+1:])
				col = catalog.Column{Name: c[:i], Type: t}
			}
		}
		r.Columns = append(r.Columns, col)
	}
	return r
}

// system finds a system table for the planner.
func (e *Engine) system(schema, name string) (*catalog.Relation, bool) {
	if schema != "leat_catalog" {
		return pgcatalog.Relation(schema, name)
	}
	t, ok := systemTables[name]
	if !ok {
		return nil, false
	}
	return t.rel, true
}

// systemByID finds a system table by its number.
func (e *Engine) systemByID(id uint32) (*catalog.Relation, bool) {
	for _, t := range systemTables {
		if t.rel.ID == id {
			return t.rel, true
		}
	}
	return pgcatalog.ByID(id)
}

// systemFeed gives the rows of a system table in one batch.
func (e *Engine) systemFeed(scan *plan.Scan, env *fn.Env) (feed, error) {
	if scan.Rel.Kind == catalog.Sequence {
		b, err := e.sequenceBatch(scan.Rel)
		if err != nil {
			return nil, err
		}
		return oneBatch(pick(b, scan, len(scan.Rel.Columns))), nil
	}
	if scan.Rel.Schema != "leat_catalog" {
		b := pgcatalog.Batch(scan.Rel, e.catalogSource(env), scan.Cols)
		return oneBatch(pick(b, scan, len(scan.Rel.Columns))), nil
	}
	done := false
	return func(ctx context.Context) (*vec.Batch, error) {
		if done {
			return nil, nil
		}
		done = true
		b := vec.NewBatch(relationTypes(scan.Rel))
		add := func(values ...any) {
			for i, v := range values {
				appendAny(b.Cols[i], v)
			}
			b.N++
		}
		var err error
		if t := systemTables[scan.Rel.Name]; t.now != nil {
			err = t.now(ctx, e, env, add)
		} else {
			err = t.rows(ctx, e, add)
		}
		return pick(b, scan, len(scan.Rel.Columns)), err
	}, nil
}

// appendAny appends a value of a system table; nil is NULL.
func appendAny(c *vec.Column, v any) {
	switch v := v.(type) {
	case nil:
		c.AppendNull()
	case string:
		appendText(c, v)
	case bool:
		c.AppendBool(v)
	case int:
		c.AppendInt(int64(v))
	case int64:
		c.AppendInt(v)
	case float64:
		c.AppendFloat(v)
	case time.Time:
		if v.IsZero() {
			c.AppendNull()
		} else {
			c.AppendInt(v.UnixMicro())
		}
	default:
		panic(fmt.Sprintf("BUG: a system table with a %T", v))
	}
}

// oneBatch gives b and no more.
func oneBatch(b *vec.Batch) feed {
	return func(context.Context) (*vec.Batch, error) {
		out := b
		b = nil
		return out, nil
	}
}

// catalogSource is what the rows of pg_catalog and information_schema are made from.
func (e *Engine) catalogSource(env *fn.Env) *pgcatalog.Source {
	s := &pgcatalog.Source{Catalog: e.Catalog(), Env: env, LastValue: e.lastValue}
	for _, t := range systemTables {
		s.System = append(s.System, t.rel)
	}
	slices.SortFunc(s.System, func(a, b *catalog.Relation) int { return int(a.ID) - int(b.ID) })
	return s
}

func relationRows(_ context.Context, e *Engine, add func(...any)) error {
	for _, r := range e.Catalog().Relations() {
		if r.Kind == catalog.Type || r.Kind == catalog.Insert || r.Kind == catalog.Sequence {
			continue
		}
		var policy, stopped any
		if r.Stored() {
			policy = e.Catalog().PolicyText(r.OnError)
		}
		if why := e.flow.whyGivenUp(r.StateID()); why != "" {
			stopped = why
		}
		add(r.Schema, r.Name, string(r.Kind), r.Topic, r.Partitions, r.KeyFormat, r.ValueFormat, r.QueryID, r.Statement,
			policy, stopped)
	}
	return nil
}

func queryRows(ctx context.Context, e *Engine, add func(...any)) error {
	rels := e.Catalog().Relations()
	at, err := e.progressOf(ctx, rels)
	if err != nil {
		return err
	}
	for _, r := range rels {
		if r.QueryID == "" {
			continue
		}
		into, err := e.writtenBy(r)
		if err != nil {
			continue
		}
		for _, q := range []*catalog.Relation{r, r.Next} {
			if q != nil {
				u, p := e.StateUse(ctx, q), at[q.StateID()]
				add(q.QueryID, string(r.Kind), into.Name, p.state, q.Query, u.Bytes, u.Limit, u.Partial, u.Reads, u.Evicted,
					p.detail, p.done, p.total, p.percent(), p.perSecond)
			}
		}
	}
	return nil
}

func topicRows(_ context.Context, e *Engine, add func(...any)) error {
	topics := e.Topics()
	sort.Slice(topics, func(i, j int) bool { return topics[i].Name < topics[j].Name })
	for _, t := range topics {
		for part, id := range t.IDs {
			start, end, err := e.node.Bounds(id)
			if err != nil {
				continue // deleted meanwhile
			}
			shard, _ := e.node.ShardOf(id)
			leader := any(nil)
			if node := e.node.LeaderOf(id); node != 0 {
				leader = int64(node)
			}
			add(t.Name, t.Partitions, part, start, end, Placement(t), shard, leader)
		}
	}
	return nil
}

// tokenRows gives the token of all relations now.
func tokenRows(ctx context.Context, e *Engine, add func(...any)) error {
	t, err := e.TokenNow(ctx, e.Catalog().Relations())
	add(t.String())
	return err
}
