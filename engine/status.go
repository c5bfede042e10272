package engine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/fn"
)

// subscriptions are the push queries that run.
type subscriptions struct {
	mu   sync.Mutex
	next int64 // the number of the last one; guarded by mu
	open map[int64]*push
}

func (s *subscriptions) add(p *push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[int64]*push{}
	}
	s.next++
	p.number = s.next
	s.open[p.number] = p
}

func (s *subscriptions) remove(p *push) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, p.number)
}

// list gives the push queries that run, the oldest first.
func (s *subscriptions) list() []*push {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*push
	for _, p := range s.open {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *push) int { return cmp.Compare(a.number, b.number) })
	return out
}

// waiting is how many bytes of changes the client has not asked for yet.
func (t *tap) waiting() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// subscriptionRows lists the push queries that run. What others ask is for superusers to see.
func subscriptionRows(_ context.Context, e *Engine, env *fn.Env, add func(...any)) error {
	me := ""
	if env != nil && env.Setting != nil {
		me = env.Setting("leat.user")
	}
	for _, p := range e.pushes.list() {
		var query any
		if p.opts.User == me || e.Catalog().IsSuperuser(me) {
			query = p.opts.Text
		}
		var names []string
		for _, r := range p.rels {
			names = append(names, r.rel.Name)
		}
		add(p.number, int(p.opts.PID), p.opts.User, strings.Join(names, ", "), query, p.given.Load(), p.tap.waiting(),
			p.opened)
	}
	return nil
}

func sessionRows(_ context.Context, _ *Engine, env *fn.Env, add func(...any)) error {
	if env == nil || env.Clients == nil {
		return nil
	}
	for _, c := range env.Clients() {
		add(int(c.PID), c.User, c.Database, c.Application, c.Address, c.State, c.Query, c.Started, c.Transaction, c.Statement)
	}
	return nil
}

func settingRows(_ context.Context, _ *Engine, env *fn.Env, add func(...any)) error {
	if env == nil || env.Settings == nil {
		return nil
	}
	for _, s := range env.Settings() {
		add(s.Name, s.Value, s.Initial, !s.Fixed, s.Doc)
	}
	return nil
}

func partitionRows(_ context.Context, e *Engine, _ *fn.Env, add func(...any)) error {
	return e.eachPartition(func(t cluster.Topic, part int, id cluster.PartitionID) error {
		start, end, err := e.node.Bounds(id)
		if err != nil {
			return err
		}
		stable, err := e.node.LastStable(id)
		if err != nil {
			return err
		}
		size, err := e.node.SizeBytes(id)
		if err != nil {
			return err
		}
		newest, ok, err := e.node.MaxTimestamp(id)
		var at any
		if ok {
			at = time.UnixMilli(newest.Timestamp)
		}
		add(t.Name, part, start, end, stable, size, at)
		return err
	})
}

// eachPartition calls each for the partitions of the users' topics, by name. Those that are deleted meanwhile do not
// count.
func (e *Engine) eachPartition(each func(t cluster.Topic, part int, id cluster.PartitionID) error) error {
	topics := e.Topics()
	slices.SortFunc(topics, func(a, b cluster.Topic) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range topics {
		for part, id := range t.IDs {
			if err := each(t, part, id); err != nil {
				if now, ok := e.node.Topic(t.Name); ok && slices.Contains(now.IDs, id) {
					return err
				}
			}
		}
	}
	return nil
}

// groupOffset is an offset that a consumer group has committed.
type groupOffset struct {
	group, topic string
	part         int
	offset, end  int64
	at           time.Time
	metadata     string
}

func (o groupOffset) lag() int64 { return max(o.end-o.offset, 0) }

func (e *Engine) groupOffsets() []groupOffset {
	var out []groupOffset
	for _, g := range e.node.Groups() {
		list, err := e.node.Offsets(g.Name)
		if err != nil {
			continue // deleted meanwhile
		}
		for _, o := range list {
			t, part, ok := e.node.Locate(o.Partition)
			end, err := e.node.LastStable(o.Partition)
			if ok && err == nil && o.Offset >= 0 {
				out = append(out, groupOffset{g.Name, t.Name, part, o.Offset, end, time.UnixMilli(o.Time), o.Metadata})
			}
		}
	}
	slices.SortFunc(out, func(a, b groupOffset) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.topic, b.topic), cmp.Compare(a.part, b.part))
	})
	return out
}

func offsetRows(_ context.Context, e *Engine, _ *fn.Env, add func(...any)) error {
	for _, o := range e.groupOffsets() {
		add(o.group, o.topic, o.part, o.offset, o.end, o.lag(), o.at, o.metadata)
	}
	return nil
}

// Metric is a number that tells how the engine does. A counter only grows, since the server was started.
type Metric struct {
	Name, Help string
	Counter    bool
	Labels     []string // names and values by turns
	Value      float64
}

// NodeMetrics lists the numbers that tell how a node does, whether it leads or not.
func NodeMetrics(node *cluster.Node) []Metric {
	m, f := metrics{}, node.Figures()
	m.gauge("leat_level", "The level of the cluster.", float64(node.Level()))
	m.gauge("leat_level_known", "The highest level that this node works at.", float64(cluster.OwnLevels().Max))
	m.gauge("leat_leads", "1 when this node leads the cluster.", flag(f.Leads))
	m.gauge("leat_peers", "Other nodes of the cluster.", float64(f.Peers))
	m.gauge("leat_peers_connected", "Of those, the ones that this node has a connection to.", float64(f.Connected))
	m.gauge("leat_peers_detoured", "Of those, the ones that are reached by way of another node only.", float64(f.Detoured))
	m.gauge("leat_wal_bytes", "What the write-ahead log holds that cannot be recycled yet.", float64(f.WALBytes))
	m.gauge("leat_disk_free_bytes", "Room on the disk of the data directory.", float64(f.FreeBytes))
	if f.Engine != nil && f.Engine.At > 0 {
		m.gauge("leat_last_step_seconds", "When the last step was that this node has, since 1970.",
			float64(f.Engine.At)/1e6)
	}
	for _, g := range f.Groups {
		of := "control"
		if g.Shard >= 0 {
			of = strconv.Itoa(g.Shard)
		}
		m.gauge("leat_shard_leads", "1 when this node leads a shard.", flag(g.Leads), "shard", of)
		m.gauge("leat_shard_votes", "1 when this node votes in a shard.", flag(g.Voter), "shard", of)
		m.gauge("leat_shard_term", "The term of a shard, which grows when its leader changes.", float64(g.Term), "shard", of)
		m.gauge("leat_shard_committed", "The last entry of a shard that this node knows to be committed.",
			float64(g.Committed), "shard", of)
		m.gauge("leat_shard_applied", "The last entry of a shard that this node has applied.", float64(g.Applied),
			"shard", of)
	}
	return m.list
}

// flag is 1 for what is so.
func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Metrics lists the numbers that tell how the engine does.
func (e *Engine) Metrics(ctx context.Context) ([]Metric, error) {
	m := metrics{}
	if err := e.flowMetrics(ctx, &m); err != nil {
		return nil, translate(err)
	}
	var waiting int64
	pushes := e.pushes.list()
	for _, p := range pushes {
		waiting += p.tap.waiting()
	}
	m.gauge("leat_push_queries", "Push queries that run.", float64(len(pushes)))
	m.gauge("leat_push_waiting_bytes", "Changes that wait for the clients of push queries.", float64(waiting))
	m.counter("leat_push_rows_total", "Rows given to push queries.", float64(e.pushedRows.Load()))
	m.counter("leat_pull_queries_total", "Queries that were asked once.", float64(e.pulls.Load()))
	m.counter("leat_point_lookups_total", "Of those, look-ups of one row by its key.", float64(e.points.Load()))
	if end, err := e.node.LastStable(e.flow.errors); err == nil {
		m.gauge("leat_errors", "Records and rows in leat_catalog.errors, those that retention took among them.", float64(end))
	}
	err := e.eachPartition(func(t cluster.Topic, part int, id cluster.PartitionID) error {
		start, end, err := e.node.Bounds(id)
		if err != nil {
			return err
		}
		size, err := e.node.SizeBytes(id)
		m.addTo("leat_topic_records", "Offsets that a topic holds.", float64(end-start), "topic", t.Name)
		m.addTo("leat_topic_bytes", "Size of a topic's files.", float64(size), "topic", t.Name)
		return err
	})
	for _, o := range e.groupOffsets() {
		m.addTo("leat_group_lag", "Records that a consumer group has not committed yet.", float64(o.lag()), "group", o.group,
			"topic", o.topic)
	}
	return m.list, err
}

// flowMetrics adds what only the flow knows.
func (e *Engine) flowMetrics(ctx context.Context, m *metrics) error {
	broken := 0.0
	if e.flow.failure() != nil {
		broken = 1
	}
	m.gauge("leat_flow_stopped", "1 when continuous queries have stopped as a whole.", broken)
	m.gauge("leat_queries_failed", "Continuous queries that were given up.", float64(len(e.flow.allGivenUp())))
	if broken != 0 {
		return nil
	}
	return e.flow.do(ctx, func() error {
		m.counter("leat_steps_total", "Steps of continuous queries that were committed.", float64(e.flow.taken))
		for _, v := range e.flow.views {
			m.counter("leat_query_rows_total", "Records that a continuous query has written.", float64(v.sink.written),
				"query", v.rel.QueryID)
			m.gauge("leat_query_lag", "Records of its streams that a continuous query has not read yet.",
				float64(e.lagOf(v)), "query", v.rel.QueryID)
		}
		return nil
	})
}

// lagOf counts the records of streams that a query has not read yet. It is called by the flow.
func (e *Engine) lagOf(v *view) int64 {
	lag := int64(0)
	for _, in := range v.inputs {
		if in.src.rows != nil {
			continue
		}
		for _, p := range in.positions() {
			if end, err := e.node.LastStable(p.id); err == nil && end != math.MaxInt64 {
				lag += max(end-p.next, 0)
			}
		}
	}
	return lag
}

type metrics struct{ list []Metric }

func (m *metrics) gauge(name, help string, v float64, labels ...string) {
	m.list = append(m.list, Metric{Name: name, Help: help, Labels: labels, Value: v})
}

func (m *metrics) counter(name, help string, v float64, labels ...string) {
	m.list = append(m.list, Metric{Name: name, Help: help, Counter: true, Labels: labels, Value: v})
}

// addTo adds to a gauge with these labels, which was the last of its name.
func (m *metrics) addTo(name, help string, v float64, labels ...string) {
	for i := len(m.list) - 1; i >= 0 && i >= len(m.list)-2; i-- {
		if x := &m.list[i]; x.Name == name && slices.Equal(x.Labels, labels) {
			x.Value += v
			return
		}
	}
	m.gauge(name, help, v, labels...)
}

func metricRows(ctx context.Context, e *Engine, _ *fn.Env, add func(...any)) error {
	list, err := e.Metrics(ctx)
	for _, m := range append(list, NodeMetrics(e.node)...) {
		var labels []string
		for i := 0; i+1 < len(m.Labels); i += 2 {
			labels = append(labels, m.Labels[i]+"="+m.Labels[i+1])
		}
		kind := "gauge"
		if m.Counter {
			kind = "counter"
		}
		add(m.Name, strings.Join(labels, ","), kind, m.Value, m.Help)
	}
	return err
}

// statusTables are the relations of leat_catalog that tell what happens now.
func statusTables() map[string]*systemTable {
	table := func(id uint32, name string,
		rows func(context.Context, *Engine, *fn.Env, func(...any)) error, columns ...string) *systemTable {
		return &systemTable{rel: systemRelation(id, name, columns...), now: rows}
	}
	list := []*systemTable{
		table(1020, "partitions", partitionRows, "topic text", "partition int4", "start_offset int8", "end_offset int8",
			"stable_offset int8", "bytes int8", "newest timestamptz"),
		table(1021, "offsets", offsetRows, "consumer_group text", "topic text", "partition int4", "committed int8",
			"end_offset int8", "lag int8", "committed_at timestamptz", "metadata text"),
		table(1022, "subscriptions", subscriptionRows, "id int8", "pid int4", "username text", "relations text", "query text",
			"rows int8", "waiting_bytes int8", "started timestamptz"),
		table(1023, "sessions", sessionRows, "pid int4", "username text", "database text", "application text",
			"address text", "state text", "query text", "started timestamptz", "transaction_started timestamptz",
			"statement_started timestamptz"),
		table(1024, "settings", settingRows, "name text", "value text", "initial text", "changeable bool",
			"description text"),
		table(1025, "metrics", metricRows, "name text", "labels text", "kind text", "value float8", "description text"),
	}
	out := map[string]*systemTable{}
	for _, t := range list {
		out[t.rel.Name] = t
	}
	return out
}
