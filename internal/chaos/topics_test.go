//go:build clients && linux

package chaos

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// topics are Kafka's clients of some topics: idempotent producers, one of transactions, a group of consumers.
type topics struct {
	*topicSet
	mu      sync.Mutex // guards what follows
	records Records
	txns    int
	reach   []int64 // the ends of what was acknowledged of the plain topic
	counted int     // so many of records.Sent are in reach

	whole atomic.Int64 // how often transactions that are committed have written to each of their topics
}

// A topicSet is topics and who uses them.
type topicSet struct {
	plain   topicOf
	txn     []topicOf // those that every transaction writes to, the same number of records to each
	group   string
	mover   string // the transactional id
	clients int    // the number of the first one
	pause   int    // between records of a producer, in milliseconds, at most
}

// A topicOf is a topic, whose records are texts.
type topicOf struct {
	name   string
	parts  int32
	spread bool // its partitions have leaders of their own
	with   string
}

// homeSet are topics whose partitions are led by who leads the cluster.
var homeSet = topicSet{
	plain: topicOf{name: "plain", parts: 3, with: ", retention_ms = 3600000"},
	txn:   []topicOf{{name: "first", parts: 1}, {name: "other", parts: 2}},
	group: "readers", mover: "mover", clients: 400, pause: 12,
}

// counts is a view of how many records of each producer are in the plain topic, and how many different ones.
func (p *topicSet) counts() string {
	return fmt.Sprintf(`CREATE MATERIALIZED VIEW IF NOT EXISTS %s_counts AS SELECT split_part(body, '.', 1) AS producer,
		count(*) AS n, count(DISTINCT body) AS bodies FROM %[1]s_rows GROUP BY split_part(body, '.', 1)`, p.plain.name)
}

// countsOf are queries of that view and what they are of.
func (p *topicSet) countsOf() [][2]string {
	view, rows := p.plain.name+"_counts", p.plain.name+"_rows"
	return [][2]string{
		{"SELECT producer, n FROM " + view, "SELECT split_part(body, '.', 1), count(*) FROM " + rows + " GROUP BY split_part(body, '.', 1)"},
		{"SELECT producer, bodies FROM " + view, "SELECT producer, n FROM " + view},
	}
}

func (p *topics) all() []topicOf { return append([]topicOf{p.plain}, p.txn...) }

func (p *topics) names() (names []string) {
	for _, t := range p.all() {
		names = append(names, t.name)
	}
	return names
}

// make makes a topic, and a stream over it.
func (t *topicOf) make(s *session) {
	if t.spread {
		s.createSpread(t.name, t.parts)
	}
	s.must(fmt.Sprintf(`CREATE STREAM IF NOT EXISTS %s_rows (body text) WITH (kafka_topic = '%[1]s', partitions = %d,
		value_format = 'KAFKA'%s)`, t.name, t.parts, t.with))
}

func (p *topics) start(r *run) {
	p.records.Txns, p.reach = map[int]Outcome{}, make([]int64, p.plain.parts)
	s := r.session(p.clients)
	defer s.drop()
	for _, t := range p.all() {
		t.make(s)
	}
	s.must(p.counts())
	for i := range 2 {
		r.work.Go(func() { p.produce(r, i) })
	}
	for i := range 3 {
		if p.plain.spread {
			r.work.Go(func() { p.askEnds(r, r.session(p.clients+20+i), i) })
		}
	}
	r.work.Go(func() {
		for n := 0; r.ctx.Err() == nil; n++ {
			p.transact(r, n)
		}
	})
	for i := range 2 {
		r.work.Go(func() {
			for r.ctx.Err() == nil {
				p.consume(r, i)
			}
		})
	}
}

// client makes a client of Kafka's that knows all nodes.
func (r *run) client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(r.clientOptions(opts...)...)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return cl
}

// clientOptions are those of all clients, and more.
func (r *run) clientOptions(opts ...kgo.Opt) []kgo.Opt {
	var seeds []string
	for _, n := range r.list() {
		seeds = append(seeds, n.addr(kafkaPort))
	}
	return append([]kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.SASL(plain.Auth{User: "leat", Pass: password}.AsMechanism()), kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			return r.net.Host(clientHost).DialContext(ctx, network, host)
		}),
	}, opts...)
}

// body is what a record has: its name and an amount.
func body(n Name, amount int) []byte {
	return fmt.Appendf(nil, "%s.%d.%d", n.Producer, n.Number, amount)
}

func seen(k *kgo.Record) Seen {
	f := strings.Split(string(k.Value), ".")
	n, _ := strconv.Atoi(f[1])
	return Seen{Name{f[0], n}, k.Topic, k.Partition, k.Offset}
}

// produce is an idempotent producer with many records on their way.
func (p *topics) produce(r *run, i int) {
	cl := r.client(kgo.MaxBufferedRecords(40), kgo.ProducerLinger(3*time.Millisecond))
	defer cl.Close()
	c := r.rand(p.clients + 1 + i)
	s := &session{run: r, rand: c}
	for n := 0; r.ctx.Err() == nil; n++ {
		sent := Sent{Name: Name{fmt.Sprint("p", i), n}, Topic: p.plain.name, Partition: c.Int32N(p.plain.parts)}
		cl.Produce(context.Background(), &kgo.Record{Topic: sent.Topic, Partition: sent.Partition, Value: body(sent.Name, 0)},
			func(k *kgo.Record, err error) {
				sent.Offset = -1
				if err == nil {
					sent.Offset, sent.Outcome = k.Offset, Done
					r.wrote()
					r.count("record: acknowledged")
				} else {
					r.count("record: " + err.Error())
				}
				p.mu.Lock()
				p.records.Sent = append(p.records.Sent, sent)
				p.mu.Unlock()
			})
		s.pause(r.ctx, time.Duration(c.IntN(p.pause))*time.Millisecond)
	}
	short, cancel := context.WithTimeout(r.life, 3*time.Minute)
	defer cancel()
	if err := cl.Flush(short); err != nil {
		r.t.Errorf("records of a producer are not acknowledged when all nodes are well: %v", err)
	}
}

// transact is a producer of transactions, until one fails: another one with its name follows. What a transaction has
// written adds up to 0.
func (p *topics) transact(r *run, life int) {
	cl := r.client(kgo.TransactionalID(p.mover), kgo.TransactionTimeout(20*time.Second), kgo.RecordDeliveryTimeout(opTimeout))
	defer cl.Close()
	s := &session{run: r, rand: r.rand(p.clients + 1000 + life)}
	for n := 0; r.ctx.Err() == nil; {
		if err := cl.BeginTransaction(); err != nil {
			r.count("transaction of Kafka: " + err.Error())
			return
		}
		p.mu.Lock()
		p.txns++
		txn := p.txns
		p.mu.Unlock()
		rounds := 1 + s.rand.IntN(3)
		sent, records := p.draw(s, life, &n, rounds)
		short, cancel := context.WithTimeout(r.life, 4*opTimeout)
		err := cl.ProduceSync(short, records...).FirstErr()
		try, outcome := kgo.TransactionEndTry(s.rand.IntN(4) > 0), Refused
		if err == nil {
			if err = cl.EndTransaction(short, try); try == kgo.TryCommit {
				outcome = Unknown
				if err == nil {
					outcome = Done
					p.whole.Add(int64(rounds))
					r.wrote()
				}
			}
		}
		cancel()
		p.mu.Lock()
		p.records.Txns[txn] = outcome
		for i := range sent {
			sent[i].Txn = txn
		}
		p.records.Sent = append(p.records.Sent, sent...)
		p.mu.Unlock()
		if err != nil {
			r.count("transaction of Kafka: " + err.Error())
			return
		}
		r.count("transaction of Kafka: ended")
		s.think()
	}
}

// draw draws the records of a transaction: in each round one for each topic. They add up to 0.
func (p *topics) draw(s *session, life int, n *int, rounds int) (sent []Sent, records []*kgo.Record) {
	sum := 0
	for i := range rounds * len(p.txn) {
		to := p.txn[i%len(p.txn)]
		amount := s.rand.IntN(200) - 100
		if i == rounds*len(p.txn)-1 {
			amount = -sum
		}
		sum += amount
		*n++
		one := Sent{Name: Name{fmt.Sprintf("m%d", life), *n}, Topic: to.name, Partition: s.rand.Int32N(to.parts), Offset: -1}
		sent = append(sent, one)
		records = append(records, &kgo.Record{Topic: one.Topic, Partition: one.Partition, Value: body(one.Name, amount)})
	}
	return sent, records
}

// consume is one of the group's consumers, for a while.
func (p *topics) consume(r *run, i int) {
	var mu sync.Mutex
	fresh := false
	cl := r.client(kgo.ConsumerGroup(p.group), kgo.ConsumeTopics(p.names()...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.SessionTimeout(10*time.Second),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			mu.Lock()
			fresh = true
			mu.Unlock()
		}))
	defer cl.Close()
	c := r.rand(p.clients + 10 + i)
	life, cancel := context.WithTimeout(r.ctx, time.Duration(10+c.IntN(30))*time.Second)
	defer cancel()
	var poll Poll
	keep := func() {
		p.mu.Lock()
		p.records.Polls = append(p.records.Polls, poll)
		p.mu.Unlock()
		poll = nil
	}
	for life.Err() == nil {
		fetches := cl.PollRecords(life, 500)
		mu.Lock()
		if fresh {
			keep()
			fresh = false
		}
		mu.Unlock()
		fetches.EachRecord(func(k *kgo.Record) { poll = append(poll, seen(k)) })
		short, cancel := context.WithTimeout(life, opTimeout)
		if err := cl.CommitUncommittedOffsets(short); err != nil {
			r.count("offsets: not committed")
		}
		cancel()
		cl.AllowRebalance()
	}
	keep()
}

func (p *topics) check(r *run) {
	cl := r.client()
	defer cl.Close()
	short, cancel := context.WithTimeout(r.life, 3*time.Minute)
	defer cancel()
	waits := map[string]bool{} // a last record of every partition
	for _, t := range p.all() {
		for part := range t.parts {
			last := Sent{Name: Name{fmt.Sprint("last-", t.name, part), 0}, Topic: t.name, Partition: part, Outcome: Done}
			k, err := cl.ProduceSync(short, &kgo.Record{Topic: t.name, Partition: part, Value: body(last.Name, 0)}).First()
			if err != nil {
				r.t.Errorf("a record is not acknowledged when all nodes are well: %v", err)
				return
			}
			last.Offset = k.Offset
			p.records.Sent = append(p.records.Sent, last)
			waits[string(k.Value)] = true
		}
	}
	reader := r.client(kgo.ConsumeTopics(p.names()...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	for len(waits) > 0 && short.Err() == nil {
		reader.PollFetches(short).EachRecord(func(k *kgo.Record) {
			delete(waits, string(k.Value))
			p.records.Final = append(p.records.Final, seen(k))
		})
	}
	if len(waits) > 0 {
		r.t.Errorf("%d last records are not read", len(waits))
	}
	if wrong := p.records.Check(); len(wrong) > 0 {
		r.t.Errorf("records: %v", wrong)
	}
	p.checkGroup(r, cl)
	s := r.session(p.clients + 99)
	defer s.drop()
	for _, pair := range p.countsOf() {
		if rows := s.must(same(pair[0], pair[1])); rows[0] != "0" {
			r.t.Errorf("%s is not %s:\n%v\n%v", pair[0], pair[1], s.must(pair[0]+" ORDER BY 1"), s.must(pair[1]+" ORDER BY 1"))
		}
	}
	n := 0
	for _, f := range p.records.Final {
		if f.Topic == p.plain.name {
			n++
		}
	}
	if rows := s.must(fmt.Sprintf("SELECT sum(n) FROM %s_counts", p.plain.name)); rows[0] != strconv.Itoa(n) {
		r.t.Errorf("the view has %s records, a consumer %d", rows[0], n)
	}
	r.say("%d records of Kafka in %v and %d transactions, read %d times", len(p.records.Sent), p.names(), p.txns, len(p.records.Polls))
}

// checkGroup checks that the group has read everything that it has committed.
func (p *topics) checkGroup(r *run, cl *kgo.Client) {
	short, cancel := context.WithTimeout(r.life, time.Minute)
	defer cancel()
	offsets, err := kadm.NewClient(cl).FetchOffsets(short, p.group)
	if err != nil {
		r.t.Errorf("the offsets of the group: %v", err)
		return
	}
	read := map[spot]bool{}
	for _, poll := range p.records.Polls {
		for _, s := range poll {
			read[s.spot()] = true
		}
	}
	missed := 0
	for _, s := range p.records.Final {
		if o, ok := offsets.Lookup(s.Topic, s.Partition); ok && s.Offset < o.At && !read[s.spot()] {
			missed++
			if missed < 5 {
				r.t.Errorf("the group has committed offset %d of %s/%d and was not given %v", o.At, s.Topic, s.Partition, s)
			}
		}
	}
}
