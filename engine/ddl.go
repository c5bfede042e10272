package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// Create makes a relation, and with a Query begins to maintain it. rel is complete but for ID, QueryID and Created;
// its topic is made unless it exists. With ifNotExists a relation of that name is left as it is and created is false.
func (e *Engine) Create(ctx context.Context, rel *catalog.Relation, ifNotExists bool) (created bool, err error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	if old, ok := e.Catalog().Relation(rel.Schema, rel.Name); ok {
		if ifNotExists {
			return false, nil
		}
		return false, sqlerr.New(sqlerr.DuplicateTable, "relation %q already exists", old.Name)
	}
	if err := e.inSchema(rel.Schema); err != nil {
		return false, err
	}
	for _, id := range rel.Reads {
		if _, ok := e.Catalog().ByID(id); !ok && id >= firstID {
			return false, sqlerr.New(sqlerr.UndefinedTable, "a relation that %q reads was dropped meanwhile", rel.Name)
		}
	}
	if !rel.Stored() {
		return true, e.define(ctx, rel)
	}
	if Reserved(rel.Topic) {
		return false, sqlerr.New(sqlerr.InvalidName, "topic %q is reserved", rel.Topic)
	}
	r := *rel
	if r.ID, err = e.nextID(); err != nil {
		return false, err
	}
	r.Created = e.cfg.Now().UnixMicro()
	if err := e.refer(&r); err != nil {
		return false, err
	}
	if r.Query != "" {
		r.QueryID = queryID(&r)
	}
	if err := e.checkLetters(&r); err != nil {
		return false, err
	}
	if err := e.choosePart(ctx, &r); err != nil {
		return false, translate(err)
	}
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	if err := e.prepareTopic(&r, &change); err != nil {
		return false, err
	}
	if _, err := newEncoder(&r); err != nil {
		return false, err
	}
	if _, err := newTimeReader(&r); err != nil {
		return false, err
	}
	if err := e.rehearse(&r); err != nil {
		return false, err
	}
	doc, err := catalog.Encode(&r)
	if err != nil {
		return false, err
	}
	change.Put[relationKey(r.ID)] = doc
	if err := e.makeSequences(&r, max(r.ID, r.Part)+1, &change); err != nil {
		return false, err
	}
	release, err := e.freeze(ctx, &r)
	if err != nil {
		return false, translate(err)
	}
	defer release()
	return true, translate(e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitCreate(ctx, &r, change) }))
}

// refer completes the foreign keys of a relation that is made.
func (e *Engine) refer(r *catalog.Relation) error {
	for i := range r.Foreign {
		if r.Foreign[i].Table == 0 { // to itself
			r.Foreign[i].Table = r.ID
		}
		if _, ok := e.Catalog().ByID(r.Foreign[i].Table); !ok && r.Foreign[i].Table != r.ID {
			return sqlerr.New(sqlerr.UndefinedTable, "a relation that %q refers to was dropped meanwhile", r.Name)
		}
	}
	return nil
}

// readsFrom lists the partitions that a relation reads, or a table its rows from. They have to stay as they are until
// the flow holds them: steps that read them may be computed again.
func (e *Engine) readsFrom(r *catalog.Relation) (ids []cluster.PartitionID) {
	topics := []string{r.Topic}
	for _, id := range r.Reads {
		if from, ok := e.Catalog().ByID(id); ok {
			topics = append(topics, from.Topic)
		}
	}
	for _, name := range topics {
		if t, ok := e.node.Topic(name); ok {
			ids = append(ids, t.IDs...)
		}
	}
	return ids
}

// rehearse plans and compiles the query of a relation as the flow will: what fails must fail before it is in the
// catalog.
func (e *Engine) rehearse(r *catalog.Relation) error {
	if r.Query == "" {
		return nil
	}
	q, err := e.planView(r)
	if err != nil {
		return err
	}
	env := e.Env(func(name string) string { return r.Settings[name] }, e.cfg.Now())
	ctx := &Context{Env: func() *fn.Env { return env }}
	_, err = Build(q.Root, ctx, EmitterFunc(func(*vec.Batch) error { return nil }))
	return err
}

// commitCreate runs in the flow's goroutine, so that no step sees half of it.
func (e *Engine) commitCreate(ctx context.Context, r *catalog.Relation, change cluster.Change) error {
	if err := e.update(ctx, change); err != nil {
		return err
	}
	f := e.flow
	if len(change.CreateTopics) > 0 {
		if err := f.arrive(context.WithoutCancel(ctx), made(e.partitionsOf([]*catalog.Relation{r}))); err != nil {
			return err
		}
	}
	if r.Query == "" {
		return f.addBase(r)
	}
	if r.Stored() {
		f.addSource(r)
	}
	if err := f.startPart(r); err != nil {
		return err
	}
	a, err := f.startOf(r)
	if err != nil {
		return err
	}
	f.waiting = append(f.waiting, a)
	if _, err := f.step(); err != nil {
		f.broken = err
		return err
	}
	return nil
}

// update commits a change of documents and loads the catalog it makes. The caller holds e.ddl. A version that others
// made of what the catalog is not made of, such as topics, does not stand in the way.
func (e *Engine) update(ctx context.Context, change cluster.Change) error {
	for {
		_, err := e.node.Update(ctx, change)
		conflict := errors.Is(err, cluster.ErrConflict)
		if err != nil && !conflict {
			return err
		}
		before := e.docs
		if err := e.loadCatalog(); err != nil || !conflict {
			return err
		}
		if !maps.EqualFunc(before, e.docs, bytes.Equal) {
			return sqlerr.New(sqlerr.ObjectInUse, "the catalog was changed by another session").WithHint("Try again.")
		}
		change.IfVersion = e.version
	}
}

func relationKey(id uint32) string { return fmt.Sprintf("%s%d", relationPrefix, id) }

func (e *Engine) nextID() (uint32, error) {
	_, docs := e.node.Documents()
	raw, ok := docs[nextIDKey]
	if !ok {
		return firstID, nil
	}
	id, err := strconv.ParseUint(string(raw), 10, 32)
	return uint32(id), err
}

// queryID names a continuous query as ksqlDB does: CSAS_, CTAS_ (or MV_), the relation and a number.
func queryID(r *catalog.Relation) string {
	prefix := map[catalog.Kind]string{catalog.Stream: "CSAS", catalog.Table: "CTAS", catalog.View: "MV"}[r.Kind]
	return fmt.Sprintf("%s_%s_%d", prefix, strings.ToUpper(r.Name), r.ID)
}

// prepareTopic settles the relation's topic: one that exists is taken as it is, else the change makes it.
func (e *Engine) prepareTopic(r *catalog.Relation, change *cluster.Change) error {
	if r.Topic == "" {
		r.Topic, r.OwnsTopic = r.Name, true
		switch {
		case catalog.Temporary(r.Schema): // nobody else is to see it
			r.Topic = "__leat_temp_" + strconv.FormatUint(uint64(r.ID), 10)
		case r.Schema != "public":
			r.Topic = r.Schema + "." + r.Name
		}
	}
	if t, ok := e.node.Topic(r.Topic); ok {
		if r.Partitions != 0 && r.Partitions != t.Partitions {
			return sqlerr.New(sqlerr.InvalidParameterValue, "topic %q has %d partitions, not %d",
				r.Topic, t.Partitions, r.Partitions)
		}
		if r.Query != "" {
			return sqlerr.New(sqlerr.DuplicateObject, "topic %q already exists", r.Topic).
				WithHint("A query writes a topic of its own: name another with kafka_topic, " +
					"or drop the relation that has this one.")
		}
		placed := placementOf(t.TopicConfig)
		if r.Placement != "" && r.Placement != Placement(t) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "the placement of topic %q is %s, not %s", r.Topic,
				Placement(t), r.Placement).WithHint("It is fixed when a topic is made.")
		}
		r.Partitions, r.Placement, r.OwnsTopic = t.Partitions, placed, false
		return nil
	}
	r.Partitions = max(r.Partitions, 1)
	c := cluster.TopicConfig{Name: r.Topic, Partitions: r.Partitions, Home: flowID,
		Internal:  catalog.Temporary(r.Schema),
		Retention: time.Duration(r.RetentionMs) * time.Millisecond, RetentionBytes: r.RetentionBytes}
	switch {
	case r.Placement != catalog.Spread:
		r.Placement = ""
	case c.Internal:
		return sqlerr.New(sqlerr.FeatureNotSupported, "temporary relations cannot be spread over the nodes")
	case e.node.Spread() == 0:
		return sqlerr.New(sqlerr.FeatureNotSupported, "this cluster cannot spread topics over its nodes").
			WithHint("Its data directories were made by a version that could not.")
	default:
		c.Home, c.Config = 0, map[string]string{cluster.PlacementSetting: r.Placement}
	}
	change.CreateTopics = []cluster.TopicConfig{c}
	return nil
}

// Placement is where a topic's partitions are: catalog.Home or catalog.Spread.
func Placement(t cluster.Topic) string { return cmp.Or(placementOf(t.TopicConfig), catalog.Home) }

// placementOf is where a topic's partitions are, as relations say it.
func placementOf(c cluster.TopicConfig) string {
	if c.Settings().Spread {
		return catalog.Spread
	}
	return ""
}

// Drop removes relations. Others that read them stand in the way unless cascade is set; they go too then, and notice,
// which may be nil, is told of each, and of each default, foreign key and policy of others that goes.
func (e *Engine) Drop(ctx context.Context, rels []*catalog.Relation, cascade, deleteTopic bool,
	notice func(what string)) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	return e.drop(ctx, rels, nil, cascade, deleteTopic, notice)
}

// drop is Drop, of the documents keys too. The caller holds e.ddl.
func (e *Engine) drop(ctx context.Context, rels []*catalog.Relation, keys []string, cascade, deleteTopic bool,
	notice func(what string)) error {
	cat := e.Catalog()
	doomed := map[uint32]*catalog.Relation{}
	var cascades []*catalog.Relation
	for _, r := range rels {
		if r.ID < firstID {
			return sqlerr.New(sqlerr.WrongObjectType, "relation %q belongs to the system", r.Name)
		}
		if _, ok := cat.ByID(r.ID); !ok { // another session was faster
			return sqlerr.New(sqlerr.UndefinedTable, "%s %q does not exist", strings.ToLower(string(r.Kind)), r.Name)
		}
		doomed[r.ID] = r
	}
	for queue := rels; len(queue) > 0; queue = queue[1:] {
		for _, dep := range cat.Dependants(queue[0].ID) {
			if _, ok := doomed[dep.ID]; ok {
				continue
			}
			if !cascade {
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it",
					described(queue[0])).
					WithDetail("%s depends on %s", described(dep), described(queue[0])).
					WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
			}
			doomed[dep.ID] = dep
			cascades = append(cascades, dep)
			queue = append(queue, dep)
		}
	}
	for _, r := range rels {
		if r.Kind == catalog.Type {
			if err := e.usingType(r, doomed); err != nil {
				return err
			}
		}
	}
	if notice != nil {
		for _, r := range cascades {
			notice(described(r))
		}
	}
	change := cluster.Change{IfVersion: e.version, Delete: keys, Put: map[string][]byte{}}
	left, err := e.withoutLetters(doomed, cascade, notice)
	if err != nil {
		return err
	}
	if err := putAll(&change, left...); err != nil {
		return err
	}
	if err := e.dropSequences(doomed, cascade, &change, notice); err != nil {
		return err
	}
	if err := e.dropForeign(doomed, cascade, &change, notice); err != nil {
		return err
	}
	if err := e.dropsOf(doomed, deleteTopic, &change); err != nil {
		return err
	}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error {
		return e.commitDrop(ctx, doomed, left, change)
	}))
}

// dropsOf adds to a change that relations go, with the topics that are theirs.
func (e *Engine) dropsOf(doomed map[uint32]*catalog.Relation, deleteTopic bool, change *cluster.Change) error {
	if len(doomed) == 0 {
		return nil
	}
	topics := map[string]bool{}
	for _, r := range doomed {
		change.Delete = append(change.Delete, relationKey(r.ID))
		if r.Stored() && (r.OwnsTopic || deleteTopic) && !e.topicShared(r, doomed) && !topics[r.Topic] {
			topics[r.Topic] = true
			change.DeleteTopics = append(change.DeleteTopics, r.Topic)
		}
	}
	return e.forgetGrants(doomed, change)
}

// topicShared reports whether a relation that stays is over the same topic.
func (e *Engine) topicShared(r *catalog.Relation, doomed map[uint32]*catalog.Relation) bool {
	for _, other := range e.Catalog().Relations() {
		if _, goes := doomed[other.ID]; !goes && other.Topic == r.Topic {
			return true
		}
	}
	return false
}

// commitDrop runs in the flow's goroutine. left are those that stay, with another policy.
func (e *Engine) commitDrop(ctx context.Context, doomed map[uint32]*catalog.Relation, left []*catalog.Relation,
	change cluster.Change) error {
	if len(left) > 0 {
		if err := e.flow.settleFor(&change, left...); err != nil {
			return err
		}
	}
	for _, r := range doomed {
		if target, stays := e.Catalog().ByID(r.Target); stays && doomed[target.ID] == nil {
			if err := e.flow.settleDown(); err != nil {
				return err
			}
			break
		}
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	return e.flow.dropped(doomed, left)
}

// dropped forgets relations that are not in the catalog any more. left are those that stay, with another policy.
func (f *flow) dropped(doomed map[uint32]*catalog.Relation, left []*catalog.Relation) error {
	for _, r := range doomed {
		if err := f.detach(r.StateID()); err != nil {
			return err
		}
		if err := f.forget(r); err != nil {
			return err
		}
	}
	if err := f.sweepParts(); err != nil {
		return err
	}
	for _, r := range doomed {
		if err := f.dropSource(r); err != nil {
			return err
		}
	}
	for _, r := range left {
		if err := f.policyChanged(r.ID); err != nil {
			return err
		}
	}
	return nil
}

// Terminate ends the continuous query with the given ID, or all with "". Their relations keep the rows they have.
func (e *Engine) Terminate(ctx context.Context, id string) error {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	change := cluster.Change{IfVersion: e.version, Put: map[string][]byte{}}
	var ended []*catalog.Relation
	for _, r := range e.Catalog().Relations() {
		if r.Next != nil && strings.EqualFold(r.Next.QueryID, id) {
			return e.clearReplaced(ctx, r)
		}
		if r.QueryID == "" || r.Terminated || id != "" && !strings.EqualFold(r.QueryID, id) {
			continue
		}
		t := *r
		t.Terminated, t.Next, t.Was = true, nil, nil
		if r.Kind == catalog.Insert { // nothing of it stays but what it has written
			change.Delete = append(change.Delete, relationKey(r.ID))
			ended = append(ended, &t)
			continue
		}
		doc, err := catalog.Encode(&t)
		if err != nil {
			return err
		}
		change.Put[relationKey(r.ID)] = doc
		ended = append(ended, &t)
	}
	if len(ended) == 0 {
		if id == "" {
			return nil
		}
		return noQuery(id)
	}
	return translate(e.flow.do(context.WithoutCancel(ctx), func() error { return e.commitTerminate(ctx, ended, change) }))
}

// commitTerminate writes a checkpoint first: steps before it may need the query to be computed again, none after it.
func (e *Engine) commitTerminate(ctx context.Context, ended []*catalog.Relation, change cluster.Change) error {
	f := e.flow
	if err := f.settleFor(&change, ended...); err != nil {
		return err
	}
	if err := e.update(ctx, change); err != nil {
		return err
	}
	for _, r := range ended {
		before := r
		if s := f.sources[r.ID]; s != nil {
			before = s.rel
		}
		if err := f.detach(before.StateID()); err != nil {
			return err
		}
		if err := f.forget(before); err != nil {
			return err
		}
		if r.Kind == catalog.Insert {
			f.free(r.ID)
		}
		if s := f.sources[r.ID]; s != nil {
			s.rel, s.rewrite = r, nil
			if err := s.orphan(); err != nil {
				return err
			}
		}
	}
	return f.sweepParts()
}

// settleDown writes a checkpoint of all that was done.
func (f *flow) settleDown() error {
	if len(f.pending) > 0 {
		if err := f.commit(0); err != nil {
			f.broken = err
			return err
		}
	}
	return f.checkpointNow()
}

// settleFor is settleDown before a change of the catalog, which says then that the relations are what they are from
// there on: a node with an older checkpoint would compute steps with them that have been computed with what they were.
func (f *flow) settleFor(change *cluster.Change, rels ...*catalog.Relation) error {
	if err := f.settleDown(); err != nil {
		return err
	}
	for _, r := range rels {
		if change.Put[relationKey(r.ID)] == nil {
			continue // it goes
		}
		now, err := amended(change, r)
		if err != nil {
			return err
		}
		now.Since = f.stepsFrom
		if err := putAll(change, now); err != nil {
			return err
		}
	}
	return nil
}

// planView plans the query that maintains a relation, from the statement that made it.
func (e *Engine) planView(rel *catalog.Relation) (*plan.Query, error) {
	return e.planIn(e.Catalog(), rel)
}

// planIn is planView where the relations are those of a catalog.
func (e *Engine) planIn(cat *catalog.Snapshot, rel *catalog.Relation) (*plan.Query, error) {
	return e.planFinding(cat, rel, nil)
}

// planFinding is planIn that collects where the statement names something.
func (e *Engine) planFinding(cat *catalog.Snapshot, rel *catalog.Relation,
	found *planner.References) (*plan.Query, error) {
	stmts, err := parse.Parse(rel.Statement)
	if err != nil {
		return nil, err
	}
	env := e.Env(func(name string) string { return rel.Settings[name] }, time.UnixMicro(rel.Created))
	ctx := e.PlanContext(env)
	ctx.Catalog, ctx.Path = cat, planner.SearchPath(rel.Settings["search_path"])
	ctx.Found = found
	ctx.Sample = nil // the plan must be the same after every start
	switch st := stmts[0].Stmt.(type) {
	case *ast.Create:
		st.OrReplace = false // it has
		q, _, err := planner.CreateAs(ctx, st)
		if err != nil {
			return nil, err
		}
		return parted(q, rel)
	case *ast.Insert:
		p, err := planner.Insert(ctx, st)
		if err != nil {
			return nil, err
		}
		return p.Source, nil
	}
	return nil, fmt.Errorf("BUG: relation %s was made by neither CREATE nor INSERT", rel.Name)
}

// QueryState says how the query that maintains a relation is doing: RUNNING, PAUSED, TERMINATED, ERROR, or "" for none.
func (e *Engine) QueryState(r *catalog.Relation) string {
	switch {
	case r.QueryID == "":
		return ""
	case r.Terminated:
		return "TERMINATED"
	case e.flow.failure() != nil || failedOf(e.flow.allGivenUp(), r) != "":
		return "ERROR"
	case r.Paused:
		return "PAUSED"
	}
	return "RUNNING"
}

// Records is how many records the partitions of a topic hold.
func (e *Engine) Records(t cluster.Topic) int64 {
	n := int64(0)
	for _, id := range t.IDs {
		if start, end, err := e.node.Bounds(id); err == nil { // else it was deleted meanwhile
			n += end - start
		}
	}
	return n
}

// Topics returns the topics users see.
func (e *Engine) Topics() []cluster.Topic {
	var out []cluster.Topic
	for _, t := range e.node.Topics() {
		if !t.Internal {
			out = append(out, t)
		}
	}
	return out
}
