//go:build clients && linux

package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// pipe is a topic, and processors that copy its records to another one: each in a transaction with how far they have
// read, so that each record is there once. Both topics are spread over the nodes.
type pipe struct {
	from, to topicOf

	mu      sync.Mutex // guards what follows
	records Records    // as they should be in the second topic
	rounds  int        // transactions that were committed

	stop context.CancelFunc
	done sync.WaitGroup
}

func newPipe() *pipe {
	return &pipe{from: topicOf{name: "intake", parts: 3, spread: true}, to: topicOf{name: "outlet", parts: 3, spread: true}}
}

func (p *pipe) start(r *run) {
	s := r.session(900)
	defer s.drop()
	p.from.make(s)
	p.to.make(s)
	s.must(`CREATE MATERIALIZED VIEW IF NOT EXISTS outlets AS SELECT count(*) AS n, count(DISTINCT body) AS bodies FROM outlet_rows`)
	r.work.Go(func() { p.produce(r) })
	r.clients(910, 1, func(c *session) {
		rows, err := c.rows(c.ctx, "SELECT n - bodies FROM outlets")
		if err != nil {
			c.outcome("question about a pipe", err)
			c.drop()
		} else if len(rows) != 1 || rows[0] != "0" {
			c.t.Errorf("at %v: so many records were processed twice: %v", time.Duration(c.now()), rows)
		}
		c.pause(c.ctx, 100*time.Millisecond)
	})
	ctx, stop := context.WithCancel(r.life) // they go on after the clients' work, until all is done
	p.stop = stop
	for i := range 2 {
		p.done.Go(func() {
			for life := 0; ctx.Err() == nil; life++ {
				p.process(ctx, r, i, life)
			}
		})
	}
	r.rest.Go(p.done.Wait)
}

// produce sends the records of the first topic.
func (p *pipe) produce(r *run) {
	cl := r.client(kgo.MaxBufferedRecords(20))
	defer cl.Close()
	s := r.session(901)
	for n := 0; r.ctx.Err() == nil; n++ {
		part := s.rand.Int32N(p.from.parts)
		sent := Sent{Name: Name{"w", n}, Topic: p.to.name, Partition: part, Offset: -1}
		cl.Produce(context.Background(), &kgo.Record{Topic: p.from.name, Partition: part, Value: body(sent.Name, 0)},
			func(_ *kgo.Record, err error) {
				if err == nil {
					sent.Outcome = Done
				}
				p.mu.Lock()
				defer p.mu.Unlock()
				p.records.Sent = append(p.records.Sent, sent)
			})
		s.pause(r.ctx, time.Duration(s.rand.IntN(60))*time.Millisecond)
	}
	short, cancel := context.WithTimeout(r.life, 3*time.Minute)
	defer cancel()
	if err := cl.Flush(short); err != nil {
		r.t.Errorf("records of a pipe are not acknowledged when all nodes are well: %v", err)
	}
}

// process is one processor, for a while, or until a transaction fails.
func (p *pipe) process(ctx context.Context, r *run, i, life int) {
	c := r.rand(920 + 1000*i + life)
	s, err := kgo.NewGroupTransactSession(r.clientOptions(kgo.TransactionalID(fmt.Sprint("processor-", i)),
		kgo.TransactionTimeout(20*time.Second), kgo.ConsumerGroup("processors"), kgo.ConsumeTopics(p.from.name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(), kgo.SessionTimeout(10*time.Second), kgo.RecordDeliveryTimeout(opTimeout))...)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(10+c.IntN(30))*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		fetches := s.PollRecords(ctx, 50)
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := s.Begin(); err != nil {
			r.count("transaction of a processor: " + err.Error())
			return
		}
		var records []*kgo.Record
		fetches.EachRecord(func(k *kgo.Record) {
			records = append(records, &kgo.Record{Topic: p.to.name, Partition: k.Partition, Value: k.Value})
		})
		short, cancel := context.WithTimeout(r.life, 4*opTimeout)
		err := s.ProduceSync(short, records...).FirstErr()
		committed, endErr := s.End(short, kgo.TransactionEndTry(err == nil && c.IntN(5) > 0))
		cancel()
		if committed {
			p.mu.Lock()
			p.rounds++
			p.mu.Unlock()
		}
		if endErr != nil {
			r.count("transaction of a processor: " + endErr.Error())
			return
		}
		r.count(fmt.Sprint("transaction of a processor: committed ", committed))
	}
}

// check waits until all that was sent has been processed, and then looks what is there.
func (p *pipe) check(r *run) {
	short, cancel := context.WithTimeout(r.life, 3*time.Minute)
	defer cancel()
	reader := r.client(kgo.ConsumeTopics(p.to.name), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	waits := map[Name]bool{}
	for _, s := range p.records.Sent {
		if s.Outcome == Done {
			waits[s.Name] = true
		}
	}
	read := func() {
		for len(waits) > 0 && short.Err() == nil {
			reader.PollFetches(short).EachRecord(func(k *kgo.Record) {
				s := seen(k)
				delete(waits, s.Name)
				p.records.Final = append(p.records.Final, s)
			})
		}
	}
	read()
	if len(waits) > 0 {
		r.t.Errorf("%d of %d records of %s were not processed", len(waits), len(p.records.Sent), p.from.name)
	}
	p.stop()
	p.done.Wait()
	for part := range p.to.parts { // behind everything
		last := Sent{Name: Name{fmt.Sprint("last-", part), 0}, Topic: p.to.name, Partition: part, Offset: -1, Outcome: Done}
		err := reader.ProduceSync(short, &kgo.Record{Topic: p.to.name, Partition: part, Value: body(last.Name, 0)}).FirstErr()
		if err != nil {
			r.t.Errorf("a record is not acknowledged when all nodes are well: %v", err)
		}
		p.records.Sent = append(p.records.Sent, last)
		waits[last.Name] = true
	}
	read()
	if wrong := p.records.Check(); len(wrong) > 0 {
		r.t.Errorf("records of a pipe: %v", wrong)
	}
	r.say("%d records were processed in %d transactions", len(p.records.Final), p.rounds)
}
