package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/log"
)

// Produce, versions 3 to 13.
//
// Versions 0 to 2 carry messages of formats that Leat does not store: each partition gets UNSUPPORTED_VERSION. They are
// advertised all the same, because librdkafka compresses only for brokers that have them. Zstandard needs version 7.
//
// Idempotent producers have numbers of version 3, and transactions begin by themselves in version 12 (KIP-890): before,
// AddPartitionsToTxn has to come first. Version 13 names topics by ID.
//
// Every partition is appended to by itself: some may fail. Batches are stored as they came, several of one partition
// together or not at all. A record is acknowledged when it is durable, with acks=1 as with acks=all; with acks=0 there
// is no response, and an error closes the connection, which is how the client learns of it.
//
// A partition that another node leads is NOT_LEADER_OR_FOLLOWER; version 10 says which (KIP-951).

// A produce is a request whose appends have begun.
type produce struct {
	conn    *conn
	req     *kmsg.ProduceRequest
	resp    *kmsg.ProduceResponse
	pending []pendingAppend
	named   []broker // that the response is to name
}

// pendingAppend is an append on its way, and where its outcome goes.
type pendingAppend struct {
	Pending
	id  PartitionID
	out *kmsg.ProduceResponseTopicPartition
}

// produce begins and finishes a request that had to wait for others.
func (c *conn) produce(ctx context.Context, req *kmsg.ProduceRequest) response {
	return c.beginProduce(req).finish(ctx)
}

// beginProduce begins the appends of a request.
func (c *conn) beginProduce(req *kmsg.ProduceRequest) *produce {
	p := &produce{conn: c, req: req, resp: req.ResponseKind().(*kmsg.ProduceResponse)}
	p.resp.Topics = make([]kmsg.ProduceResponseTopic, len(req.Topics))
	refused := code.None
	if req.TransactionID != nil {
		refused = c.mayTxn(kmsg.ACLOperationWrite, *req.TransactionID)
	}
	for i := range req.Topics {
		rt := &req.Topics[i]
		out := &p.resp.Topics[i]
		out.Default()
		out.Topic, out.TopicID = rt.Topic, rt.TopicID
		out.Partitions = make([]kmsg.ProduceResponseTopicPartition, len(rt.Partitions))
		t, missing := c.topicOf(kmsg.ACLOperationWrite, rt.Topic, rt.TopicID, req.Version >= 13)
		if refused != code.None {
			missing = refused
		}
		for j := range rt.Partitions {
			rp, op := &rt.Partitions[j], &out.Partitions[j]
			op.Default()
			op.Partition, op.BaseOffset = rp.Partition, -1
			switch {
			case missing != code.None:
				op.ErrorCode = int16(missing)
			case rp.Partition < 0 || int(rp.Partition) >= len(t.Partitions):
				op.ErrorCode = int16(code.UnknownTopicOrPartition)
			default:
				p.begin(t, rp, op)
			}
		}
	}
	return p
}

// begin begins the append to one partition.
func (p *produce) begin(t Topic, in *kmsg.ProduceRequestTopicPartition, out *kmsg.ProduceResponseTopicPartition) {
	wrong := p.check(in.Records)
	if t.Writer != "" {
		wrong = code.PolicyViolation
		out.ErrorMessage = kmsg.StringPtr("only " + t.Writer + " writes topic " + t.Name)
	}
	if wrong != code.None {
		out.ErrorCode = int16(wrong)
		return
	}
	r := Produce{Partition: t.Partitions[in.Partition], Batches: in.Records, AddToTxn: p.req.Version >= 12}
	if p.req.TransactionID != nil {
		r.TransactionalID = *p.req.TransactionID
	}
	if !p.conn.srv.serves(r.Partition) {
		p.fail(r.Partition, out, code.NotLeaderOrFollower)
		return
	}
	pending, err := p.conn.srv.cfg.Records.Produce(p.conn.ctx, r)
	if err != nil {
		p.fail(r.Partition, out, err)
		return
	}
	p.pending = append(p.pending, pendingAppend{pending, r.Partition, out})
}

// fail answers for a partition with an error.
func (p *produce) fail(id PartitionID, out *kmsg.ProduceResponseTopicPartition, err error) {
	out.ErrorCode, out.ErrorMessage = codeAndText(err)
	if p.req.Version >= 10 {
		leader := p.conn.lead(id, code.Code(out.ErrorCode), &p.named)
		out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = leader.id, leader.epoch
	}
}

// check says what is wrong with the batches of a partition. Their CRC is the log's to check.
func (p *produce) check(batches []byte) code.Code {
	switch {
	case p.req.Version < 3:
		return code.UnsupportedVersion
	case p.req.Acks < -1 || p.req.Acks > 1:
		return code.InvalidRequiredAcks
	case len(batches) == 0:
		return code.InvalidRecord
	}
	for rest := batches; len(rest) > 0; {
		h, batch, tail, err := log.NextBatch(rest)
		switch {
		case err != nil:
			return codeOf(err)
		case len(batch) > p.conn.srv.cfg.MaxBatchBytes:
			return code.MessageTooLarge
		case h.Control(), h.Records == 0, h.LastOffsetDelta != h.Records-1:
			return code.InvalidRecord
		case h.Codec() > log.CodecZstd, h.Codec() == log.CodecZstd && p.req.Version < 7:
			return code.UnsupportedCompressionType
		case (h.Codec() != log.CodecNone || h.ProducerID >= 0) && len(batch) < len(batches):
			return code.InvalidRecord // compressed batches come alone, and those of idempotent producers
		}
		rest = tail
	}
	return code.None
}

// finish waits for the appends and makes the response.
func (p *produce) finish(ctx context.Context) response {
	for _, a := range p.pending {
		done, err := a.Wait(ctx)
		if err != nil {
			p.fail(a.id, a.out, err)
			continue
		}
		a.out.BaseOffset, a.out.LogAppendTime, a.out.LogStartOffset = done.Base, done.AppendTime, done.Start
	}
	for _, b := range p.named {
		p.resp.Brokers = append(p.resp.Brokers, kmsg.ProduceResponseBroker{NodeID: b.id, Host: b.host, Port: b.port})
	}
	if p.req.Acks != 0 {
		return p.resp
	}
	for _, t := range p.resp.Topics {
		for _, part := range t.Partitions {
			if part.ErrorCode != 0 {
				p.conn.cut()
			}
		}
	}
	return nil
}
