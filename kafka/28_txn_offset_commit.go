package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// TxnOffsetCommit, versions 0 to 5.
//
// The offsets count when the transaction is committed. Version 3 says which member of the group the producer works for
// (KIP-447), and version 5 makes the group part of the transaction by itself (KIP-890).

func (c *conn) txnOffsetCommit(ctx context.Context, req *kmsg.TxnOffsetCommitRequest) response {
	resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	commit := OffsetCommit{
		Group: req.Group, Generation: -1, AddToTxn: req.Version >= 5,
		Txn: Txn{req.TransactionalID, Producer{req.ProducerID, req.ProducerEpoch}},
	}
	outcome := code.InvalidGroupID
	if req.Group != "" {
		outcome = c.srv.groups.MayCommit(req.Group, req.Generation, req.MemberID, req.InstanceID, true)
	}
	if refused := c.mayGroup(kmsg.ACLOperationRead, req.Group); refused != code.None {
		outcome = refused
	}
	if refused := c.mayTxn(kmsg.ACLOperationWrite, req.TransactionalID); refused != code.None {
		outcome = refused
	}
	for _, rt := range req.Topics {
		out := kmsg.NewTxnOffsetCommitResponseTopic()
		out.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			op := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			p, wrong := c.partition(kmsg.ACLOperationRead, rt.Topic, rp.Partition)
			o := GroupOffset{Partition: p, Offset: rp.Offset, LeaderEpoch: rp.LeaderEpoch}
			if rp.Metadata != nil {
				o.Metadata = *rp.Metadata
			}
			if len(o.Metadata) > maxOffsetMetadata {
				wrong = code.OffsetMetadataTooLarge
			}
			if wrong == code.None {
				commit.Offsets = append(commit.Offsets, o)
			}
			op.Partition, op.ErrorCode = rp.Partition, int16(wrong)
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	if outcome == code.None && len(commit.Offsets) > 0 {
		commit.Generation = req.Generation
		if c.srv.groups.Consumers(req.Group) {
			commit.Generation = -1 // the epoch is the member's, and was checked
		}
		outcome = codeOf(c.srv.cfg.Offsets.Commit(ctx, commit))
	}
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			if op := &resp.Topics[i].Partitions[j]; op.ErrorCode == 0 {
				op.ErrorCode = int16(outcome)
			}
		}
	}
	return resp
}
