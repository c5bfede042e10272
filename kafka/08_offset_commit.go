package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// OffsetCommit, versions 2 to 10.
//
// A member of the group's present generation may commit, and anybody with generation -1 when there are no members.
// Version 6 has leader epochs, 7 static members, 8 is flexible, 9 takes epochs of members (KIP-848), 10 names topics by
// ID. All partitions of a request that are there are committed together.

// maxOffsetMetadata is how long the text with an offset may be.
const maxOffsetMetadata = 4096

func (c *conn) offsetCommit(ctx context.Context, req *kmsg.OffsetCommitRequest) response {
	resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	wrong := c.mayGroup(kmsg.ACLOperationRead, req.Group)
	if wrong == code.None {
		wrong = c.srv.groups.MayCommit(req.Group, req.Generation, req.MemberID, req.InstanceID, false)
	}
	commit := OffsetCommit{Group: req.Group, Generation: req.Generation}
	if c.srv.groups.Consumers(req.Group) {
		commit.Generation = -1 // the epoch is the member's, and was checked
	}
	var committed []*kmsg.OffsetCommitResponseTopicPartition
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(req.Topics))
	for i := range req.Topics {
		rt, out := &req.Topics[i], &resp.Topics[i]
		out.Default()
		out.Topic, out.TopicID = rt.Topic, rt.TopicID
		t, missing := c.topicOf(kmsg.ACLOperationRead, rt.Topic, rt.TopicID, req.Version >= 10)
		out.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(rt.Partitions))
		for j := range rt.Partitions {
			rp, op := &rt.Partitions[j], &out.Partitions[j]
			op.Default()
			op.Partition = rp.Partition
			o := GroupOffset{Offset: rp.Offset, LeaderEpoch: rp.LeaderEpoch}
			if rp.Metadata != nil {
				o.Metadata = *rp.Metadata
			}
			switch {
			case wrong != code.None:
				op.ErrorCode = int16(wrong)
			case missing != code.None:
				op.ErrorCode = int16(missing)
			case rp.Partition < 0 || int(rp.Partition) >= len(t.Partitions):
				op.ErrorCode = int16(code.UnknownTopicOrPartition)
			case len(o.Metadata) > maxOffsetMetadata:
				op.ErrorCode = int16(code.OffsetMetadataTooLarge)
			default:
				o.Partition = t.Partitions[rp.Partition]
				commit.Offsets = append(commit.Offsets, o)
				committed = append(committed, op)
			}
		}
	}
	if len(commit.Offsets) > 0 {
		err := c.srv.cfg.Offsets.Commit(ctx, commit)
		for _, op := range committed {
			op.ErrorCode = int16(codeOf(err))
		}
	}
	return resp
}
