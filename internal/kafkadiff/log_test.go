//go:build clients

package kafkadiff

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics creates, changes and deletes topics, rightly and wrongly.
func topics(p *player) {
	create := func(what string, version int16, validate bool, ts ...kmsg.CreateTopicsRequestTopic) {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis, req.ValidateOnly, req.Topics = 5000, validate, ts
		p.do(what, version, req)
	}
	create("create", 5, false, newTopic("topics-a", 3))
	p.await("topics-a")
	create("create again", 2, false, newTopic("topics-a", 3))
	create("validate only", 4, true, newTopic("topics-v", 1))
	create("no partitions", 4, false, newTopic("topics-0", 0))
	create("bad name", 4, false, newTopic("topics a", 1))
	create("dots only", 4, false, newTopic("..", 1))
	create("empty name", 4, false, newTopic("", 1))
	create("unknown setting", 4, false, newTopic("topics-c", 1, "no.such", "1"))
	create("bad value", 4, false, newTopic("topics-c", 1, "retention.ms", "soon"))
	create("bad policy", 4, false, newTopic("topics-c", 1, "cleanup.policy", "burn"))
	create("twice in one request", 4, false, newTopic("topics-d", 1), newTopic("topics-d", 1))
	create("default partitions", 4, false, newTopic("topics-e", -1))
	metadata(p, "unknown topic", 7, "topics-none")
	metadata(p, "bad name", 7, "topics none")
	metadata(p, "old version", 1, "topics-a")
	metadata(p, "new version", 12, "topics-a")
	partitions := func(what, topic string, n int32) {
		req := kmsg.NewPtrCreatePartitionsRequest()
		req.TimeoutMillis = 5000
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = topic, n
		req.Topics = []kmsg.CreatePartitionsRequestTopic{t}
		p.do(what, 1, req)
	}
	partitions("more partitions", "topics-a", 5)
	partitions("fewer partitions", "topics-a", 2)
	partitions("as many partitions", "topics-a", 5)
	partitions("partitions of nothing", "topics-none", 2)
	drop := func(what string, names ...string) {
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TimeoutMillis, req.TopicNames = 5000, names
		p.do(what, 3, req)
	}
	drop("delete", "topics-a")
	drop("delete again", "topics-a")
	create("create after deletion", 5, false, newTopic("topics-a", 1))
}

func metadata(p *player, what string, version int16, topics ...string) {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	p.do(what, version, req)
}

// produceAndFetch appends good and bad batches and reads them from everywhere.
func produceAndFetch(p *player) {
	p.create("pf", 2)
	p.produce("three records", "pf", "", batch{values: []string{"a", "b", "c"}})
	p.produce("two records", "pf", "", batch{values: []string{"d", "e"}, time: 2_000_000})
	for _, version := range []int16{3, 5, 7, 9} {
		p.do("one record", version, produceRequest("pf", 0, 1, "", batch{values: []string{"f"}}.bytes()))
	}
	p.do("unknown topic", 8, produceRequest("pf-none", 0, -1, "", batch{values: []string{"x"}}.bytes()))
	p.do("unknown partition", 8, produceRequest("pf", 7, -1, "", batch{values: []string{"x"}}.bytes()))
	p.do("bad acks", 8, produceRequest("pf", 0, 3, "", batch{values: []string{"x"}}.bytes()))
	p.produce("wrong crc", "pf", "", batch{values: []string{"x"}, spoil: func(b []byte) []byte { b[len(b)-1]++; return b }})
	p.produce("wrong count", "pf", "", batch{values: []string{"x", "y"}, spoil: func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[57:], 1)
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}})
	p.fetch("all", "pf", 0, 0)
	p.fetch("within a batch", "pf", 1, 0)
	p.fetch("the end", "pf", 9, 0)
	p.fetch("past the end", "pf", 100, 0)
	p.fetch("before the start", "pf", -5, 0)
	p.fetch("unknown topic", "pf-none", 0, 0)
	p.fetched("unknown partition", 11, fetchRequest("pf", 9, 0, 0, 1<<20))
	p.fetched("one byte", 11, fetchRequest("pf", 0, 0, 0, 1))
	p.fetched("old version", 4, fetchRequest("pf", 0, 3, 0, 1<<20))
	p.fetched("flexible", 12, fetchRequest("pf", 0, 5, 1, 1<<20))
	for _, at := range []int64{-1, -2, 0, 1_000_001, 1_500_000, 2_000_001, 3_000_000} {
		p.offsets("offset by time", "pf", at, 0, 5)
	}
	p.offsets("newest record", "pf", -3, 0, 7)
	p.offsets("version 1", "pf", -1, 0, 1)
	p.offsets("unknown topic", "pf-none", -1, 0, 5)
	deleteRecords := func(what, topic string, offset int64) {
		req := kmsg.NewPtrDeleteRecordsRequest()
		req.TimeoutMillis = 5000
		part := kmsg.NewDeleteRecordsRequestTopicPartition()
		part.Offset = offset
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic, t.Partitions = topic, []kmsg.DeleteRecordsRequestTopicPartition{part}
		req.Topics = []kmsg.DeleteRecordsRequestTopic{t}
		p.do(what, 1, req)
	}
	deleteRecords("delete records", "pf", 4)
	deleteRecords("delete more than there are", "pf", 100)
	deleteRecords("delete from nothing", "pf-none", 1)
	p.fetch("what was deleted", "pf", 0, 0)
	p.fetch("what is left", "pf", 4, 0)
	p.offsets("earliest", "pf", -2, 0, 5)
	deleteRecords("delete all", "pf", -1)
	p.offsets("earliest of nothing", "pf", -2, 0, 5)
}

// settings reads and changes settings of topics.
func settings(p *player) {
	p.create("settings", 1, "cleanup.policy", "compact", "retention.ms", "12345")
	describe := func(what, topic string, keys ...string) {
		req := kmsg.NewPtrDescribeConfigsRequest()
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, keys
		req.Resources = []kmsg.DescribeConfigsRequestResource{r}
		req.SetVersion(1)
		for _, r := range p.call(req).(*kmsg.DescribeConfigsResponse).Resources {
			line := ""
			for _, c := range r.Configs {
				value := "null"
				if c.Value != nil {
					value = *c.Value
				}
				line += " " + c.Name + "=" + value + " from " + c.Source.String()
			}
			p.note("%s: error %d%s", what, r.ErrorCode, line)
		}
	}
	for _, key := range []string{"cleanup.policy", "retention.ms", "max.message.bytes", "message.timestamp.type",
		"delete.retention.ms", "retention.bytes", "no.such"} {
		describe("describe", "settings", key)
	}
	describe("describe nothing", "settings-none", "retention.ms")
	alter := func(what, topic, key, value string, op kmsg.IncrementalAlterConfigOp) {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op = key, op
		if value != "" {
			c.Value = kmsg.StringPtr(value)
		}
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{c}
		req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{r}
		p.do(what, 1, req)
	}
	alter("set", "settings", "retention.ms", "777", kmsg.IncrementalAlterConfigOpSet)
	alter("add to a list", "settings", "cleanup.policy", "delete", kmsg.IncrementalAlterConfigOpAppend)
	alter("reset", "settings", "max.message.bytes", "", kmsg.IncrementalAlterConfigOpDelete)
	alter("bad value", "settings", "retention.ms", "x", kmsg.IncrementalAlterConfigOpSet)
	alter("unknown setting", "settings", "no.such", "1", kmsg.IncrementalAlterConfigOpSet)
	alter("unknown topic", "settings-none", "retention.ms", "1", kmsg.IncrementalAlterConfigOpSet)
	p.create("small", 1, "max.message.bytes", "100")
	p.produce("within max.message.bytes", "small", "", batch{values: []string{"a"}})
	p.produce("beyond max.message.bytes", "small", "", batch{values: []string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}})
}
