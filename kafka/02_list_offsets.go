package kafka

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// ListOffsets, versions 1 to 11.
//
// A time asks for the first record that is not older; there may be none, which is offset -1. Version 2 has an isolation
// level: the end of a reader of committed records is the last stable offset. Version 7 may ask for the newest record
// by time, version 8 for the first one on local disk, which is the first; versions 9 and 11 for places in tiered
// storage, where nothing is.

// What a client may ask for instead of a time.
const (
	latestOffset    = -1
	earliestOffset  = -2
	newestTimestamp = -3
	earliestLocal   = -4
	latestTiered    = -5
	earliestPending = -6 // to be moved to tiered storage
)

func (c *conn) listOffsets(ctx context.Context, req *kmsg.ListOffsetsRequest) response {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	served := c.confirmed(ctx, req)
	for _, rt := range req.Topics {
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = rt.Topic
		t, wrong := c.topicNamed(kmsg.ACLOperationDescribe, rt.Topic)
		for i := range rt.Partitions {
			rp := &rt.Partitions[i]
			op := kmsg.NewListOffsetsResponseTopicPartition()
			op.Partition, op.Offset, op.Timestamp = rp.Partition, -1, -1
			if wrong != code.None {
				op.ErrorCode = int16(wrong)
			} else if rp.Partition < 0 || int(rp.Partition) >= len(t.Partitions) {
				op.ErrorCode = int16(code.UnknownTopicOrPartition)
			} else if lost := served(t.Partitions[rp.Partition]); lost != code.None {
				op.ErrorCode = int16(lost)
			} else {
				c.listOffset(t.Partitions[rp.Partition], req, rp, &op)
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (c *conn) listOffset(p PartitionID, req *kmsg.ListOffsetsRequest, in *kmsg.ListOffsetsRequestTopicPartition,
	out *kmsg.ListOffsetsResponseTopicPartition) {
	epoch, wrong := c.checkEpoch(p, in.CurrentLeaderEpoch)
	if wrong != code.None {
		out.ErrorCode = int16(wrong)
		return
	}
	b, err := c.srv.cfg.Records.Bounds(p)
	if err != nil {
		out.ErrorCode = int16(codeOf(err))
		return
	}
	end := b.Next
	if req.IsolationLevel == readCommitted {
		end = b.Stable
	}
	at, ok := TimedOffset{Timestamp: -1, LeaderEpoch: epoch}, true
	switch ask := in.Timestamp; {
	case ask == latestOffset:
		at.Offset = end
	case ask == earliestOffset, ask == earliestLocal && req.Version >= 8:
		at.Offset = b.Start
	case ask == newestTimestamp && req.Version >= 7:
		at, ok, err = c.srv.cfg.Positions.MaxTimestamp(p)
	case ask == latestTiered && req.Version >= 9, ask == earliestPending && req.Version >= 11:
		ok = false
	case ask < 0:
		err = code.UnsupportedVersion
	default:
		at, ok, err = c.srv.cfg.Positions.FindTime(p, ask)
	}
	if err != nil {
		out.ErrorCode = int16(codeOf(err))
		return
	}
	if ok && (at.Offset < end || in.Timestamp < 0) {
		out.Offset, out.Timestamp, out.LeaderEpoch = at.Offset, at.Timestamp, at.LeaderEpoch
	}
}

// confirmed makes sure that this node leads what a request is about: one that does no longer, and has not noticed,
// would answer with what was. The function says what a client is told of a partition in place of an answer.
func (c *conn) confirmed(ctx context.Context, req *kmsg.ListOffsetsRequest) func(PartitionID) code.Code {
	placed := c.srv.cfg.Placed
	if placed == nil {
		lost := c.confirm(ctx)
		return func(PartitionID) code.Code { return lost }
	}
	served := map[PartitionID]bool{}
	for _, rt := range req.Topics {
		t, _ := c.srv.cfg.Topics.Topic(rt.Topic)
		for _, rp := range rt.Partitions {
			if n := rp.Partition; n >= 0 && int(n) < len(t.Partitions) && placed.Serves(t.Partitions[n]) {
				served[t.Partitions[n]] = true
			}
		}
	}
	lost := code.None
	if len(served) > 0 {
		lost = codeOf(placed.Confirm(ctx, slices.Collect(maps.Keys(served))))
	}
	return func(p PartitionID) code.Code {
		if !served[p] {
			return code.NotLeaderOrFollower
		}
		return lost
	}
}

// confirm makes sure that this node leads the cluster.
func (c *conn) confirm(ctx context.Context) code.Code {
	if c.srv.cfg.Confirm == nil {
		return code.None
	}
	if err := c.srv.cfg.Confirm(ctx); err != nil {
		return codeOf(err)
	}
	return code.None
}

// checkEpoch compares the leader epoch that a client knows, -1 for none, with the current one.
func (c *conn) checkEpoch(p PartitionID, known int32) (current int32, wrong code.Code) {
	current, err := c.srv.cfg.Positions.LeaderEpoch(p)
	switch {
	case err != nil:
		return -1, codeOf(err)
	case known >= 0 && known < current:
		return current, code.FencedLeaderEpoch
	case known > current:
		return current, code.UnknownLeaderEpoch
	}
	return current, code.None
}
