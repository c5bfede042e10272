package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListOffsets, versions 1 to 8.
//
// A time asks for the first record that is not older; there may be none, which is offset -1. Version 2 has an isolation
// level: the end of a reader of committed records is the last stable offset. Version 7 may ask for the newest record
// by time, version 8 for the first one on local disk, which is the first.

// What a client may ask for instead of a time.
const (
	latestOffset    = -1
	earliestOffset  = -2
	newestTimestamp = -3
	earliestLocal   = -4
)

func (c *conn) listOffsets(_ context.Context, req *kmsg.ListOffsetsRequest) response {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, rt := range req.Topics {
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = rt.Topic
		t, ok := c.srv.cfg.Topics.Topic(rt.Topic)
		for i := range rt.Partitions {
			rp := &rt.Partitions[i]
			op := kmsg.NewListOffsetsResponseTopicPartition()
			op.Partition = rp.Partition
			if !ok || rp.Partition < 0 || int(rp.Partition) >= len(t.Partitions) {
				op.ErrorCode = int16(UnknownTopicOrPartition)
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
	b, err := c.srv.cfg.Records.Bounds(p)
	if err != nil {
		out.ErrorCode = int16(codeOf(err))
		return
	}
	end := b.Next
	if req.IsolationLevel == readCommitted {
		end = b.Stable
	}
	switch at := in.Timestamp; {
	case at == latestOffset:
		out.Offset = end
	case at == earliestOffset, at == earliestLocal && req.Version >= 8:
		out.Offset = b.Start
	case at == newestTimestamp && req.Version >= 7:
		out.Offset, out.Timestamp, err = c.newest(p, b.Start, end)
	case at < 0:
		err = UnsupportedVersion
	default:
		out.Offset, out.Timestamp, err = c.srv.cfg.Records.OffsetForTime(p, at)
		if out.Offset >= end {
			out.Offset, out.Timestamp = -1, -1
		}
	}
	if err != nil {
		out.ErrorCode = int16(codeOf(err))
		out.Offset, out.Timestamp = -1, -1
	}
}

// newest finds the first record with the newest timestamp of those before end: -1 when there is none.
func (c *conn) newest(p PartitionID, start, end int64) (offset, timestamp int64, err error) {
	offset, timestamp = -1, -1
	for at := int64(0); ; at = timestamp + 1 {
		o, ts, err := c.srv.cfg.Records.OffsetForTime(p, at)
		if err != nil || o < start || o >= end {
			return offset, timestamp, err
		}
		offset, timestamp = o, ts
	}
}
