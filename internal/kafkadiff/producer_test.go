//go:build clients

package kafkadiff

import "github.com/twmb/franz-go/pkg/kmsg"

// initProducer asks for a producer's number and epoch.
func initProducer(p *player, what, txn string, id int64, epoch int16) (int64, int16) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = 60_000, id, epoch
	if txn != "" {
		req.TransactionalID = kmsg.StringPtr(txn)
	}
	req.SetVersion(4)
	if txn != "" {
		findCoordinator(p, txn, 1)
	}
	var resp *kmsg.InitProducerIDResponse
	p.until("a producer number", func() bool { // the coordinator may be loading, or end a transaction
		resp = p.call(req).(*kmsg.InitProducerIDResponse)
		return resp.ErrorCode != 14 && resp.ErrorCode != 15 && resp.ErrorCode != 16 && resp.ErrorCode != 51
	})
	p.record(what, resp)
	return resp.ProducerID, resp.ProducerEpoch
}

// idempotence repeats, skips and forges sequence numbers.
func idempotence(p *player) {
	p.create("idem", 1)
	id, epoch := initProducer(p, "first producer", "", -1, -1)
	one := func(what string, b batch) {
		b.producer = &id
		p.produce(what, "idem", "", b)
	}
	one("sequence 0", batch{values: []string{"a", "b"}, epoch: epoch})
	one("sequence 0 again", batch{values: []string{"a", "b"}, epoch: epoch})
	one("sequence 2", batch{values: []string{"c"}, epoch: epoch, sequence: 2})
	one("sequence 3", batch{values: []string{"d"}, epoch: epoch, sequence: 3})
	one("sequence 2 again", batch{values: []string{"c"}, epoch: epoch, sequence: 2})
	one("part of a batch again", batch{values: []string{"b"}, epoch: epoch, sequence: 1})
	one("a gap", batch{values: []string{"x"}, epoch: epoch, sequence: 9})
	one("after the gap", batch{values: []string{"e"}, epoch: epoch, sequence: 4})
	one("a newer epoch in the middle", batch{values: []string{"x"}, epoch: epoch + 1, sequence: 5})
	one("a newer epoch from 0", batch{values: []string{"f"}, epoch: epoch + 1, sequence: 0})
	one("the older epoch", batch{values: []string{"x"}, epoch: epoch, sequence: 5})
	for i := range int32(6) {
		one("many", batch{values: []string{"g"}, epoch: epoch + 1, sequence: 1 + i})
	}
	one("beyond the remembered five", batch{values: []string{"g"}, epoch: epoch + 1, sequence: 1})
	other, _ := initProducer(p, "second producer", "", -1, -1)
	p.produce("unknown producer in the middle", "idem", "", batch{values: []string{"h"}, producer: &other, sequence: 7})
	p.fetch("all", "idem", 0, 0)
}

// A txn is one transactional producer.
type txn struct {
	p     *player
	name  string
	id    int64
	epoch int16
}

func (x *txn) add(what string, topics ...string) {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = x.name, x.id, x.epoch
	for _, name := range topics {
		t := kmsg.NewAddPartitionsToTxnRequestTopic()
		t.Topic, t.Partitions = name, []int32{0}
		req.Topics = append(req.Topics, t)
	}
	x.again(what, 1, req, func(r kmsg.Response) bool {
		return r.(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode == 51
	})
}

// again sends a request until the transaction before it has ended everywhere.
func (x *txn) again(what string, version int16, req kmsg.Request, busy func(kmsg.Response) bool) {
	req.SetVersion(version)
	var resp kmsg.Response
	x.p.until("the end of the transaction before", func() bool {
		resp = x.p.call(req)
		return !busy(resp)
	})
	x.p.record(what, resp)
}

func (x *txn) produce(what, topic string, sequence int32, values ...string) {
	x.p.produce(what, topic, x.name, batch{values: values, producer: &x.id, epoch: x.epoch, sequence: sequence, txn: true})
}

func (x *txn) end(what string, commit bool) {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = x.name, x.id, x.epoch, commit
	x.again(what, 1, req, func(r kmsg.Response) bool { return r.(*kmsg.EndTxnResponse).ErrorCode == 51 })
}

// transactions commits, aborts, fences, and reads what is stable meanwhile.
func transactions(p *player) {
	p.create("tx-a", 1)
	p.create("tx-b", 1)
	x := &txn{p: p, name: "writer"}
	x.id, x.epoch = initProducer(p, "begin", x.name, -1, -1)
	x.end("commit of nothing", true)
	x.produce("partition not added", "tx-a", 0, "x")
	x.add("add partitions", "tx-a", "tx-b")
	x.add("add an unknown topic", "tx-none")
	x.produce("in the transaction", "tx-a", 0, "a", "b")
	x.produce("in the other partition", "tx-b", 0, "c")
	p.produce("by somebody else", "tx-a", "", batch{values: []string{"d"}})
	p.fetch("committed, before the end", "tx-a", 0, 1)
	p.fetch("all, before the end", "tx-a", 0, 0)
	p.offsets("latest committed, before the end", "tx-a", -1, 1, 5)
	p.offsets("latest, before the end", "tx-a", -1, 0, 5)
	x.end("commit", true)
	p.stable("tx-a")
	p.stable("tx-b")
	x.end("commit again", true)
	x.end("abort after the commit", false)
	p.fetch("committed", "tx-a", 0, 1)
	p.fetch("the other partition", "tx-b", 0, 1)
	x.add("the next transaction", "tx-a")
	x.produce("to be aborted", "tx-a", 2, "e")
	x.end("abort", false)
	p.stable("tx-a")
	p.fetch("after the abort, committed", "tx-a", 0, 1)
	p.fetch("after the abort, all", "tx-a", 0, 0)
	p.produce("not transactional, same producer", "tx-a", "", batch{values: []string{"x"}, producer: &x.id, epoch: x.epoch, sequence: 3})
	fenced := *x
	x.add("a third transaction", "tx-a")
	x.produce("left open", "tx-a", 4, "f")
	x.id, x.epoch = initProducer(p, "a new incarnation", x.name, -1, -1)
	p.stable("tx-a")
	fenced.produce("by the old one", "tx-a", 5, "g")
	fenced.add("add by the old one", "tx-a")
	fenced.end("commit by the old one", true)
	p.fetch("nothing of the old one", "tx-a", 0, 1)
	offsetsInTransaction(p, x)
}

// stable waits until no transaction is open in a topic's partition 0: markers are written after EndTxn is answered.
func (p *player) stable(topic string) {
	p.t.Helper()
	req := fetchRequest(topic, 0, 0, 1, 1<<20)
	req.SetVersion(11)
	p.until("the end of the transaction", func() bool {
		part := p.call(req).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		return part.LastStableOffset == part.HighWatermark
	})
}

// offsetsInTransaction commits a group's offsets with a transaction.
func offsetsInTransaction(p *player, x *txn) {
	addOffsets := func(what string) {
		req := kmsg.NewPtrAddOffsetsToTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = x.name, x.id, x.epoch, "tx-group"
		x.again(what, 1, req, func(r kmsg.Response) bool { return r.(*kmsg.AddOffsetsToTxnResponse).ErrorCode == 51 })
	}
	commit := func(what string, offset int64) {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = x.name, x.id, x.epoch, "tx-group"
		req.Generation = -1
		part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		part.Offset = offset
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic, t.Partitions = "tx-a", []kmsg.TxnOffsetCommitRequestTopicPartition{part}
		req.Topics = []kmsg.TxnOffsetCommitRequestTopic{t}
		p.do(what, 3, req)
	}
	findCoordinator(p, "tx-group", 0)
	addOffsets("add offsets")
	commit("offset 3", 3)
	fetchOffsets(p, "pending", "tx-group", "tx-a", true)
	fetchOffsets(p, "pending, not stable", "tx-group", "tx-a", false)
	x.end("commit the offset", true)
	p.awaitStable("tx-group", "tx-a")
	fetchOffsets(p, "committed", "tx-group", "tx-a", true)
	addOffsets("add offsets again")
	commit("offset 5", 5)
	x.end("abort the offset", false)
	p.awaitStable("tx-group", "tx-a")
	fetchOffsets(p, "after the abort", "tx-group", "tx-a", true)
}
