//go:build clients && linux

package chaos

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// topics are Kafka's clients: idempotent producers, one of transactions, a group of consumers.
type topics struct {
	mu      sync.Mutex // guards what follows
	records Records
	txns    int
	parts   int32
}

const (
	plainTopic = "plain"
	firstTopic = "first" // of transactions
	otherTopic = "other"
	groupName  = "readers"
)

var topicSchema = []string{
	`CREATE STREAM IF NOT EXISTS plain_rows (body text) WITH (kafka_topic = 'plain', partitions = 3, value_format = 'KAFKA',
		retention_ms = 3600000)`,
	`CREATE STREAM IF NOT EXISTS first_rows (body text) WITH (kafka_topic = 'first', partitions = 1, value_format = 'KAFKA')`,
	`CREATE STREAM IF NOT EXISTS other_rows (body text) WITH (kafka_topic = 'other', partitions = 2, value_format = 'KAFKA')`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS plain_counts AS SELECT split_part(body, '.', 1) AS producer, count(*) AS n,
		count(DISTINCT body) AS bodies FROM plain_rows GROUP BY split_part(body, '.', 1)`,
	`CREATE MATERIALIZED VIEW IF NOT EXISTS pairs AS SELECT f.body AS body, o.body AS same FROM first_rows f JOIN other_rows o
		WITHIN 10000 DAYS ON f.body = o.body`,
}

// topicViews are views and what they are of.
var topicViews = [][2]string{
	{`SELECT producer, n FROM plain_counts`, `SELECT split_part(body, '.', 1), count(*) FROM plain_rows GROUP BY split_part(body, '.', 1)`},
	{`SELECT producer, bodies FROM plain_counts`, `SELECT producer, n FROM plain_counts`},
}

func (p *topics) start(r *run) {
	p.records.Txns = map[int]Outcome{}
	s := r.session(400)
	defer s.drop()
	for _, sql := range topicSchema[:4] {
		s.must(sql)
	}
	for i := range 2 {
		r.work.Go(func() { p.produce(r, i) })
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
	var seeds []string
	for _, n := range r.list() {
		seeds = append(seeds, n.addr(kafkaPort))
	}
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.SASL(plain.Auth{User: "leat", Pass: password}.AsMechanism()), kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			return r.net.Host(clientHost).DialContext(ctx, network, host)
		}),
	}, opts...)...)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return cl
}

func body(n Name) []byte { return fmt.Appendf(nil, "%s.%d", n.Producer, n.Number) }

func seen(k *kgo.Record) Seen {
	producer, number, _ := strings.Cut(string(k.Value), ".")
	n, _ := strconv.Atoi(number)
	return Seen{Name{producer, n}, k.Topic, k.Partition, k.Offset}
}

// produce is an idempotent producer with many records on their way.
func (p *topics) produce(r *run, i int) {
	cl := r.client(kgo.MaxBufferedRecords(40), kgo.ProducerLinger(3*time.Millisecond))
	defer cl.Close()
	c := r.rand(401 + i)
	s := &session{run: r, rand: c}
	for n := 0; r.ctx.Err() == nil; n++ {
		sent := Sent{Name: Name{fmt.Sprint("p", i), n}, Topic: plainTopic, Partition: c.Int32N(3)}
		cl.Produce(context.Background(), &kgo.Record{Topic: plainTopic, Partition: sent.Partition, Value: body(sent.Name)},
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
		s.pause(r.ctx, time.Duration(c.IntN(12))*time.Millisecond)
	}
	short, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := cl.Flush(short); err != nil {
		r.t.Errorf("records of a producer are not acknowledged when all nodes are well: %v", err)
	}
}

// transact is a producer of transactions, until one fails: another one with its name follows.
func (p *topics) transact(r *run, life int) {
	cl := r.client(kgo.TransactionalID("mover"), kgo.TransactionTimeout(20*time.Second), kgo.RecordDeliveryTimeout(opTimeout))
	defer cl.Close()
	s := &session{run: r, rand: r.rand(500 + life)}
	for n := 0; r.ctx.Err() == nil; {
		if err := cl.BeginTransaction(); err != nil {
			r.count("transaction of Kafka: " + err.Error())
			return
		}
		p.mu.Lock()
		p.txns++
		txn := p.txns
		p.mu.Unlock()
		var records []*kgo.Record
		var sent []Sent
		for range 1 + s.rand.IntN(3) {
			for _, to := range []struct {
				topic string
				part  int32
			}{{firstTopic, 0}, {otherTopic, s.rand.Int32N(2)}} {
				n++
				name := Name{fmt.Sprintf("m%d", life), n}
				sent = append(sent, Sent{Name: name, Topic: to.topic, Partition: to.part, Offset: -1, Txn: txn})
				records = append(records, &kgo.Record{Topic: to.topic, Partition: to.part, Value: body(name)})
			}
		}
		short, cancel := context.WithTimeout(context.Background(), 4*opTimeout)
		err := cl.ProduceSync(short, records...).FirstErr()
		try, outcome := kgo.TransactionEndTry(s.rand.IntN(4) > 0), Refused
		if err == nil {
			if err = cl.EndTransaction(short, try); try == kgo.TryCommit {
				outcome = Unknown
				if err == nil {
					outcome = Done
					r.wrote()
				}
			}
		}
		cancel()
		p.mu.Lock()
		p.records.Txns[txn] = outcome
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

// consume is one of the group's consumers, for a while.
func (p *topics) consume(r *run, i int) {
	var mu sync.Mutex
	fresh := false
	cl := r.client(kgo.ConsumerGroup(groupName), kgo.ConsumeTopics(plainTopic, firstTopic, otherTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.SessionTimeout(10*time.Second),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
			mu.Lock()
			fresh = true
			mu.Unlock()
		}))
	defer cl.Close()
	c := r.rand(600 + i)
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
	short, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	waits := map[string]bool{} // a last record of every partition
	for topic, parts := range map[string]int32{plainTopic: 3, firstTopic: 1, otherTopic: 2} {
		for part := range parts {
			last := Sent{Name: Name{fmt.Sprint("last-", topic, part), 0}, Topic: topic, Partition: part, Outcome: Done}
			k, err := cl.ProduceSync(short, &kgo.Record{Topic: topic, Partition: part, Value: body(last.Name)}).First()
			if err != nil {
				r.t.Errorf("a record is not acknowledged when all nodes are well: %v", err)
				return
			}
			last.Offset = k.Offset
			p.records.Sent = append(p.records.Sent, last)
			waits[string(k.Value)] = true
		}
	}
	reader := r.client(kgo.ConsumeTopics(plainTopic, firstTopic, otherTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
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
	s := r.session(499)
	defer s.drop()
	for _, pair := range topicViews {
		if rows := s.must(same(pair[0], pair[1])); rows[0] != "0" {
			r.t.Errorf("%s is not %s:\n%v\n%v", pair[0], pair[1], s.must(pair[0]+" ORDER BY 1"), s.must(pair[1]+" ORDER BY 1"))
		}
	}
	n := 0
	for _, f := range p.records.Final {
		if f.Topic == plainTopic {
			n++
		}
	}
	if rows := s.must("SELECT sum(n) FROM plain_counts"); rows[0] != strconv.Itoa(n) {
		r.t.Errorf("the view has %s records, a consumer %d", rows[0], n)
	}
	r.say("%d records of Kafka and %d transactions, read %d times", len(p.records.Sent), p.txns, len(p.records.Polls))
}

// checkGroup checks that the group has read everything that it has committed.
func (p *topics) checkGroup(r *run, cl *kgo.Client) {
	short, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	offsets, err := kadm.NewClient(cl).FetchOffsets(short, groupName)
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
