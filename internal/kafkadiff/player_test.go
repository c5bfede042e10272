//go:build clients

package kafkadiff

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/log"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A player plays conversations to one server.
type player struct {
	*transcript
	t    *testing.T
	addr string
	*conn
	ids map[string][16]byte // of topics
}

// play runs a conversation on a connection of its own.
func play(t *testing.T, addr string, talk func(*player)) []string {
	t.Helper()
	p := &player{transcript: newTranscript(), t: t, addr: addr, conn: dial(t, addr), ids: map[string][16]byte{}}
	defer func() {
		if t.Failed() {
			t.Logf("%s answered\n%s", addr, strings.Join(p.lines, "\n"))
		}
	}()
	talk(p)
	return p.lines
}

// do sends a request at a version and records the answer.
func (p *player) do(what string, version int16, req kmsg.Request) kmsg.Response {
	p.t.Helper()
	req.SetVersion(version)
	resp := p.call(req)
	p.record(fmt.Sprintf("%s (%s v%d)", what, kmsg.NameForKey(req.Key()), version), resp)
	return resp
}

// create makes a topic, which must work.
func (p *player) create(topic string, partitions int32, config ...string) {
	p.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 5000
	req.Topics = []kmsg.CreateTopicsRequestTopic{newTopic(topic, partitions, config...)}
	req.SetVersion(5)
	resp := p.call(req).(*kmsg.CreateTopicsResponse)
	if resp.Topics[0].ErrorCode != 0 {
		p.t.Fatalf("create topic %q: error %d", topic, resp.Topics[0].ErrorCode)
	}
	p.await(topic)
}

// await waits until the topic can be used: Apache Kafka answers before its broker knows it.
func (p *player) await(topic string) {
	p.t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(7)
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = []kmsg.MetadataRequestTopic{t}
	p.until("topic "+topic, func() bool {
		got := p.call(req).(*kmsg.MetadataResponse).Topics[0]
		return got.ErrorCode == 0 && got.Partitions[0].ErrorCode == 0
	})
	p.until("leader of "+topic, func() bool {
		resp := p.call(listOffsets(topic, -2, 0, 5)).(*kmsg.ListOffsetsResponse)
		return resp.Topics[0].Partitions[0].ErrorCode == 0
	})
}

// until asks again and again until something that a server does in the background is done.
func (p *player) until(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if done() {
			return
		}
		<-tick.C
	}
	p.t.Fatalf("%s does not come", what)
}

func newTopic(topic string, partitions int32, config ...string) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, 1
	for i := 0; i+1 < len(config); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = config[i], kmsg.StringPtr(config[i+1])
		t.Configs = append(t.Configs, c)
	}
	return t
}

// A batch describes records to produce: values that are their own keys, a millisecond apart.
type batch struct {
	values   []string
	time     int64
	producer *int64 // with sequence; nil for none
	epoch    int16
	sequence int32
	txn      bool
	spoil    func([]byte) []byte
}

func (b batch) bytes() []byte {
	var w log.Builder
	w.Reset()
	if b.txn {
		w.SetAttributes(log.AttrTransactional)
	}
	if b.producer != nil {
		w.SetProducer(*b.producer, b.epoch, b.sequence)
	}
	at := b.time
	if at == 0 {
		at = 1_000_000
	}
	for i, v := range b.values {
		w.Append([]byte(v), []byte(v), at+int64(i), nil)
	}
	out := append([]byte(nil), w.Finish()...)
	if b.spoil != nil {
		out = b.spoil(out)
	}
	return out
}

// produceRequest is a request for one partition.
func produceRequest(topic string, partition int32, acks int16, txn string, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 10_000
	if txn != "" {
		req.TransactionID = kmsg.StringPtr(txn)
	}
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, records
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ProduceRequestTopicPartition{part}
	req.Topics = []kmsg.ProduceRequestTopic{t}
	return req
}

// produce appends a batch to partition 0 and records the answer.
func (p *player) produce(what, topic, txn string, b batch) {
	p.t.Helper()
	p.do(what, 8, produceRequest(topic, 0, -1, txn, b.bytes()))
}

// fetchRequest asks for one partition.
func fetchRequest(topic string, partition int32, offset int64, isolation int8, maxBytes int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = -1, 50, 1, maxBytes
	req.IsolationLevel = isolation
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = partition, offset, maxBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.FetchRequestTopicPartition{part}
	req.Topics = []kmsg.FetchRequestTopic{t}
	return req
}

// fetch reads partition 0 from an offset to its end and records what a consumer makes of the answers.
func (p *player) fetch(what, topic string, offset int64, isolation int8) {
	p.t.Helper()
	p.fetched(what, 11, fetchRequest(topic, 0, offset, isolation, 1<<20))
}

// fetched repeats a request as a consumer does, from behind the last batch it was given, until there is no more.
func (p *player) fetched(what string, version int16, req *kmsg.FetchRequest) {
	p.t.Helper()
	req.SetVersion(version)
	ask := &req.Topics[0].Partitions[0]
	var first kmsg.FetchResponseTopicPartition
	var batches []byte
	var aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction
	for n := 0; ; n++ {
		part := p.call(req).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if n == 0 {
			first = part
		}
		whole, next := wholeBatches(part.RecordBatches)
		batches, aborted = append(batches, whole...), append(aborted, part.AbortedTransactions...)
		if next <= ask.FetchOffset || req.MaxBytes < 100 {
			break
		}
		ask.FetchOffset = next
	}
	if first.ErrorCode != 0 {
		p.note("%s (Fetch v%d): error %d", what, version, first.ErrorCode)
		return
	}
	p.note("%s (Fetch v%d): high %d, stable %d, start %d%s", what, version, first.HighWatermark, first.LastStableOffset,
		first.LogStartOffset, records(p.t, batches, aborted))
}

// wholeBatches cuts off a last batch that is not there as a whole, and returns the offset behind the others.
func wholeBatches(b []byte) (whole []byte, next int64) {
	rest := b
	for len(rest) > 0 {
		h, _, more, err := log.NextBatch(rest)
		if err != nil {
			break
		}
		next, rest = h.LastOffset()+1, more
	}
	return b[:len(b)-len(rest)], next
}

// records prints batches, without those of transactions that were aborted.
func records(t *testing.T, b []byte, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction) string {
	t.Helper()
	var out string
	open := map[int64]bool{} // producers whose batches belong to an aborted transaction
	for len(b) > 0 {
		h, whole, rest, err := log.NextBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		b = rest
		for _, a := range aborted {
			if a.ProducerID == h.ProducerID && a.FirstOffset == h.BaseOffset {
				open[h.ProducerID] = true
			}
		}
		if h.Control() {
			delete(open, h.ProducerID)
			continue
		}
		if open[h.ProducerID] && h.Attributes&log.AttrTransactional != 0 {
			continue
		}
		var rd log.Reader
		if err := rd.Reset(whole); err != nil {
			t.Fatal(err)
		}
		out += " ["
		for r := (log.Record{}); rd.Next(&r); {
			out += fmt.Sprintf(" %d@%d:%s", r.Offset, r.Timestamp, r.Value)
		}
		out += " ]"
	}
	return out
}

// offsets asks for an offset of partition 0 by time: -1 the latest, -2 the earliest, -3 that of the newest record.
func (p *player) offsets(what, topic string, at int64, isolation int8, version int16) {
	p.t.Helper()
	p.do(what, version, listOffsets(topic, at, isolation, version))
}

func listOffsets(topic string, at int64, isolation int8, version int16) *kmsg.ListOffsetsRequest {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(version)
	req.ReplicaID, req.IsolationLevel = -1, isolation
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Timestamp, part.CurrentLeaderEpoch = at, -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic, t.Partitions = topic, []kmsg.ListOffsetsRequestTopicPartition{part}
	req.Topics = []kmsg.ListOffsetsRequestTopic{t}
	return req
}
