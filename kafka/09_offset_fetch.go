package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// OffsetFetch, versions 1 to 10.
//
// Null asks for all partitions. What was never committed has offset -1, without an error. Version 7 may require offsets
// that no open transaction is about to change, 8 asks for several groups, 9 has epochs of members (KIP-848), 10 names
// topics by ID.

func (c *conn) offsetFetch(ctx context.Context, req *kmsg.OffsetFetchRequest) response {
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	lost := c.confirm(ctx) != code.None
	if req.Version >= 8 {
		for i := range req.Groups {
			resp.Groups = append(resp.Groups, c.offsetsOf(req, &req.Groups[i], lost))
		}
		return resp
	}
	// Before there was one group. It is asked for as one of several.
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = req.Group
	if req.Topics != nil {
		g.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(req.Topics))
	}
	for _, t := range req.Topics {
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	found := c.offsetsOf(req, &g, lost)
	resp.ErrorCode = found.ErrorCode
	if req.Version < 2 && found.ErrorCode != 0 { // there is no room for it but with the partitions
		found.Topics = refusedOffsets(g.Topics, found.ErrorCode)
	}
	for _, t := range found.Topics {
		out := kmsg.NewOffsetFetchResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			op := kmsg.NewOffsetFetchResponseTopicPartition()
			op.Partition, op.Offset, op.LeaderEpoch, op.Metadata = p.Partition, p.Offset, p.LeaderEpoch, p.Metadata
			op.ErrorCode = p.ErrorCode
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// refusedOffsets gives an error to every partition that was asked for.
func refusedOffsets(asked []kmsg.OffsetFetchRequestGroupTopic, wrong int16) (out []kmsg.OffsetFetchResponseGroupTopic) {
	for _, t := range asked {
		ot := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
		for _, n := range t.Partitions {
			p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			p.Partition, p.Offset, p.ErrorCode = n, -1, wrong
			ot.Partitions = append(ot.Partitions, p)
		}
		out = append(out, ot)
	}
	return out
}

// offsetsOf answers for one group. Lost is that this node leads no longer.
func (c *conn) offsetsOf(req *kmsg.OffsetFetchRequest, rg *kmsg.OffsetFetchRequestGroup, lost bool,
) kmsg.OffsetFetchResponseGroup {
	out := kmsg.NewOffsetFetchResponseGroup()
	out.Group = rg.Group
	if wrong := c.mayGroup(kmsg.ACLOperationDescribe, rg.Group); wrong != code.None {
		out.ErrorCode = int16(wrong)
		return out
	}
	if rg.MemberID != nil {
		if wrong := c.srv.groups.MayFetch(rg.Group, *rg.MemberID, rg.MemberEpoch); wrong != code.None {
			out.ErrorCode = int16(wrong)
			return out
		}
	}
	if lost {
		out.ErrorCode = int16(code.NotCoordinator)
		return out
	}
	committed, err := c.srv.cfg.Offsets.Committed(rg.Group)
	if err != nil {
		out.ErrorCode = int16(codeOf(err))
		return out
	}
	if rg.Topics == nil {
		for _, o := range committed {
			if c.mayTopic(kmsg.ACLOperationDescribe, o.Topic) != code.None {
				continue
			}
			if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != o.Topic {
				t := kmsg.NewOffsetFetchResponseGroupTopic()
				t.Topic = o.Topic
				if found, ok := c.srv.cfg.Topics.Topic(o.Topic); ok {
					t.TopicID = found.ID
				}
				out.Topics = append(out.Topics, t)
			}
			t := &out.Topics[len(out.Topics)-1]
			t.Partitions = append(t.Partitions, describeOffset(o, req.RequireStable))
		}
		return out
	}
	byID := make(map[PartitionID]CommittedOffset, len(committed))
	for _, o := range committed {
		byID[o.Partition] = o
	}
	for _, rt := range rg.Topics {
		ot := kmsg.NewOffsetFetchResponseGroupTopic()
		ot.Topic, ot.TopicID = rt.Topic, rt.TopicID
		t, missing := c.topicOf(kmsg.ACLOperationDescribe, rt.Topic, rt.TopicID, req.Version >= 10)
		for _, n := range rt.Partitions {
			o := CommittedOffset{GroupOffset: GroupOffset{Offset: -1, LeaderEpoch: -1}, Number: n}
			if n >= 0 && int(n) < len(t.Partitions) {
				if found, ok := byID[t.Partitions[n]]; ok {
					o = found
				}
			}
			op := describeOffset(o, req.RequireStable)
			if missing == code.UnknownTopicID || missing == code.TopicAuthorizationFailed {
				op.ErrorCode = int16(missing)
			}
			ot.Partitions = append(ot.Partitions, op)
		}
		out.Topics = append(out.Topics, ot)
	}
	return out
}

func describeOffset(o CommittedOffset, requireStable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	op := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	op.Partition, op.Offset, op.LeaderEpoch, op.Metadata = o.Number, o.Offset, o.LeaderEpoch, &o.Metadata
	if requireStable && o.Pending {
		op.Offset, op.LeaderEpoch, op.Metadata = -1, -1, kmsg.StringPtr("")
		op.ErrorCode = int16(code.UnstableOffsetCommit)
	}
	return op
}
