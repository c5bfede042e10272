// Command sarama uses a server as applications written with sarama do: an idempotent producer, a group that is
// rebalanced, and transactions.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func until(what string, done func() bool) {
	for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			log.Fatal("no ", what)
		}
	}
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Heartbeat.Interval = 100 * time.Millisecond
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	return c
}

// member counts the records and partitions of a member of a group.
type member struct {
	group      sarama.ConsumerGroup
	seen       *atomic.Int64
	partitions atomic.Int64
	stop       context.CancelFunc
	done       chan struct{}
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.partitions.Store(int64(len(s.Claims()["sarama"])))
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for msg := range c.Messages() {
		s.MarkMessage(msg, "")
		m.seen.Add(1)
	}
	return nil
}

func join(addr string, seen *atomic.Int64) *member {
	g, err := sarama.NewConsumerGroup([]string{addr}, "sarama", config())
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	m := &member{group: g, seen: seen, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			if err := g.Consume(ctx, []string{"sarama"}, m); err != nil && ctx.Err() == nil {
				log.Fatal(err)
			}
		}
	}()
	return m
}

func (m *member) leave() {
	m.stop()
	<-m.done
	check(m.group.Close())
}

func main() {
	addr := os.Args[1]
	admin, err := sarama.NewClusterAdmin([]string{addr}, config())
	check(err)
	check(admin.CreateTopic("sarama", &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 1}, false))
	check(admin.CreateTopic("sarama-out", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP,
		sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		c := config()
		c.Producer.Compression = codec
		p, err := sarama.NewSyncProducer([]string{addr}, c)
		check(err)
		for i := range 8 {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "sarama", Partition: int32(i % 4),
				Value: sarama.StringEncoder(strconv.Itoa(i))})
			check(err)
		}
		check(p.Close())
	}

	var seen atomic.Int64
	one := join(addr, &seen)
	until("records", func() bool { return seen.Load() == 40 })
	two := join(addr, &seen)
	until("rebalance", func() bool { return one.partitions.Load() == 2 && two.partitions.Load() == 2 })
	two.leave()
	until("second rebalance", func() bool { return one.partitions.Load() == 4 })
	one.leave()
	if seen.Load() != 40 {
		log.Fatal(seen.Load(), " records")
	}
	transactions(addr)
	offsets, err := admin.ListConsumerGroupOffsets("sarama-mover", map[string][]int32{"sarama": {0}})
	check(err)
	if at := offsets.GetBlock("sarama", 0).Offset; at != 7 {
		log.Fatal("the offset of the transaction is ", at)
	}
	check(admin.Close())
	fmt.Println("ok")
}

// transactions aborts one and commits another.
func transactions(addr string) {
	c := config()
	c.Producer.Transaction.ID = "sarama-tx"
	p, err := sarama.NewSyncProducer([]string{addr}, c)
	check(err)
	for _, commit := range []bool{false, true} {
		check(p.BeginTxn())
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "sarama-out",
			Value: sarama.StringEncoder(strconv.FormatBool(commit))})
		check(err)
		offset := int64(5)
		if commit {
			offset = 7
		}
		check(p.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{
			"sarama": {{Partition: 0, Offset: offset}}}, "sarama-mover"))
		if commit {
			check(p.CommitTxn())
		} else {
			check(p.AbortTxn())
		}
	}
	check(p.Close())
	consumer, err := sarama.NewConsumer([]string{addr}, config())
	check(err)
	part, err := consumer.ConsumePartition("sarama-out", 0, sarama.OffsetOldest)
	check(err)
	select {
	case msg := <-part.Messages():
		if string(msg.Value) != "true" {
			log.Fatalf("committed is %q", msg.Value)
		}
	case <-time.After(30 * time.Second):
		log.Fatal("nothing is committed")
	}
	check(part.Close())
	check(consumer.Close())
}
