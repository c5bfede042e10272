//go:build clients && linux

package chaos

import (
	"context"
	"encoding/binary"
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
		short, cancel := context.WithTimeout(context.Background(), 3*time.Minute) // all is well again by then
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

// askTime is how long it waits for an answer: no longer than a node is stopped, so that a question is there which came
// when others had taken its place.
const askTime = 500 * time.Millisecond

// ask asks one node, whether or not it leads the partition, where it ends.
func (l *logs) ask(r *run, c *session, node int, name string) {
	cl := r.client()
	defer cl.Close()
	nodes := cl.SeedBrokers()
	for r.ctx.Err() == nil && l.more() {
		req := kmsg.NewPtrListOffsetsRequest()
		topic := kmsg.NewListOffsetsRequestTopic()
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Timestamp, topic.Topic = -1, name
		topic.Partitions, req.ReplicaID = append(topic.Partitions, part), -1
		req.Topics = append(req.Topics, topic)
		short, cancel := context.WithTimeout(r.ctx, askTime)
		e := End{Begin: c.now()}
		answer, err := nodes[node%len(nodes)].Request(short, req)
		cancel()
		e.End = c.now()
		if e.Records = endIn(answer, err); e.Records >= 0 {
			l.mu.Lock()
			l.ends = append(l.ends, e)
			l.mu.Unlock()
			r.count("end of a partition: answered")
		} else {
			r.count("end of a partition: not answered")
		}
		c.think()
	}
}

// endIn is the offset in an answer; -1 when there is none.
func endIn(answer kmsg.Response, err error) int64 {
	a, ok := answer.(*kmsg.ListOffsetsResponse)
	if err != nil || !ok || len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 1 || a.Topics[0].Partitions[0].ErrorCode != 0 {
		return -1
	}
	return a.Topics[0].Partitions[0].Offset
}
