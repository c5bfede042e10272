//go:build clients && linux

package chaos

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/internal/linear"
)

// produce appends by Kafka's protocol: the producer finds the leader of the partition by itself, and tries again until
// it has an answer.
func (l *logs) produce(r *run, c *session, name string) {
	cl := r.client(kgo.ProducerLinger(0))
	defer cl.Close()
	for r.ctx.Err() == nil && l.more() {
		a := l.begin(c)
		value := binary.BigEndian.AppendUint32(nil, uint32(a.Value))
		short, cancel := context.WithTimeout(r.life, 3*time.Minute) // all is well again by then
		err := cl.ProduceSync(short, &kgo.Record{Topic: name, Partition: 0, Value: value}).FirstErr()
		cancel()
		a.End = c.now()
		if err != nil {
			r.count("append by Kafka: " + err.Error())
			l.keep(a)
			return // of what it sends next the numbers would not be known
		}
		a.Outcome = linear.Acknowledged
		r.wrote()
		r.count("append by Kafka: acknowledged")
		l.keep(a)
		c.think()
	}
}

// ask asks nodes, whether or not they lead the partition, where it ends.
func (l *logs) ask(r *run, c *session, name string) {
	cl := r.client()
	defer cl.Close()
	nodes := cl.SeedBrokers()
	for r.ctx.Err() == nil && l.more() {
		e := End{Begin: c.now(), Records: -1}
		ends := endsAt(r.ctx, nodes[c.rand.IntN(len(nodes))], name, 1)
		e.End = c.now()
		if n, ok := ends[0]; ok {
			e.Records = n
			l.mu.Lock()
			l.ends = append(l.ends, e)
			l.mu.Unlock()
		}
		r.count(fmt.Sprint("end of a partition: ", e.Records >= 0))
		c.think()
	}
}

// askTime is how long somebody waits for an answer to where partitions end: no longer than a node is stopped, so that a
// question is there which came when others had taken its place.
const askTime = 500 * time.Millisecond

// endsAt asks a node where the partitions of a topic end, and returns what it says of those that it leads.
func endsAt(ctx context.Context, at *kgo.Broker, name string, parts int32) map[int32]int64 {
	req := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic, req.ReplicaID = name, -1
	for i := range parts {
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Partition, part.Timestamp = i, -1
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	short, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer, err := at.Request(short, req)
	ends := map[int32]int64{}
	if a, ok := answer.(*kmsg.ListOffsetsResponse); ok && err == nil {
		for _, t := range a.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 {
					ends[p.Partition] = p.Offset
				}
			}
		}
	}
	return ends
}

// askEnds asks one node, whether or not it leads them, where the partitions of the plain topic end: behind every record
// that was acknowledged before.
func (p *topics) askEnds(r *run, c *session, node int) {
	for r.ctx.Err() == nil {
		cl := r.client()
		nodes := cl.SeedBrokers()
		for range 500 { // others may have taken the nodes' places then
			acked := p.acked()
			began := c.now()
			for part, end := range endsAt(r.ctx, nodes[node%len(nodes)], p.plain.name, p.plain.parts) {
				if r.count("end of a partition: true"); end < acked[part] {
					r.t.Errorf("asked at %v, a node says that partition %d of %s ends at %d: records up to %d were acknowledged",
						time.Duration(began), part, p.plain.name, end, acked[part])
				}
			}
			if c.think(); r.ctx.Err() != nil {
				break
			}
		}
		cl.Close()
	}
}

// acked are the ends of what was acknowledged of the plain topic, by partition.
func (p *topics) acked() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	ends := make([]int64, p.plain.parts)
	for _, s := range p.records.Sent[p.counted:] {
		if s.Topic == p.plain.name && s.Outcome == Done {
			p.reach[s.Partition] = max(p.reach[s.Partition], s.Offset+1)
		}
	}
	p.counted = len(p.records.Sent)
	copy(ends, p.reach)
	return ends
}
