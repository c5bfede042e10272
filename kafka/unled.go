package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// unled answers a request that only the leader of the cluster could answer, while there is none: with the error for
// which clients look for it anew and ask again. It is nil for APIs that have none.
func unled(r kmsg.Request) response {
	switch req := r.(type) {
	case *kmsg.JoinGroupRequest, *kmsg.HeartbeatRequest, *kmsg.LeaveGroupRequest, *kmsg.SyncGroupRequest,
		*kmsg.ConsumerGroupHeartbeatRequest, *kmsg.OffsetDeleteRequest, *kmsg.AddOffsetsToTxnRequest, *kmsg.EndTxnRequest:
		return refusal(r, code.CoordinatorNotAvailable)
	case *kmsg.InitProducerIDRequest:
		if req.TransactionalID == nil { // there is no coordinator that the client could look for
			return refusal(r, code.CoordinatorLoadInProgress)
		}
		return refusal(r, code.CoordinatorNotAvailable)
	case *kmsg.ElectLeadersRequest, *kmsg.ListPartitionReassignmentsRequest:
		return refusal(r, code.NotController)
	case *kmsg.CreateTopicsRequest, *kmsg.DeleteTopicsRequest, *kmsg.CreatePartitionsRequest, *kmsg.DeleteRecordsRequest:
		return unledTopics(r)
	case *kmsg.OffsetCommitRequest, *kmsg.OffsetFetchRequest, *kmsg.DescribeGroupsRequest,
		*kmsg.ConsumerGroupDescribeRequest, *kmsg.DeleteGroupsRequest:
		return unledGroups(r)
	case *kmsg.AddPartitionsToTxnRequest, *kmsg.TxnOffsetCommitRequest, *kmsg.DescribeTransactionsRequest:
		return unledTxns(r)
	}
	return nil
}

// unledTopics is unled for what changes topics.
func unledTopics(r kmsg.Request) response {
	const wrong = int16(code.NotController)
	switch req := r.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, t := range req.Topics {
			out := kmsg.NewCreateTopicsResponseTopic()
			out.Topic, out.ErrorCode = t.Topic, wrong
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
		for _, name := range req.TopicNames {
			out := kmsg.NewDeleteTopicsResponseTopic()
			out.Topic, out.ErrorCode = &name, wrong
			resp.Topics = append(resp.Topics, out)
		}
		for _, t := range req.Topics {
			out := kmsg.NewDeleteTopicsResponseTopic()
			out.Topic, out.TopicID, out.ErrorCode = t.Topic, t.TopicID, wrong
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.CreatePartitionsRequest:
		resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
		for _, t := range req.Topics {
			out := kmsg.NewCreatePartitionsResponseTopic()
			out.Topic, out.ErrorCode = t.Topic, wrong
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.DeleteRecordsRequest:
		resp := req.ResponseKind().(*kmsg.DeleteRecordsResponse)
		for _, t := range req.Topics {
			out := kmsg.NewDeleteRecordsResponseTopic()
			out.Topic = t.Topic
			for _, p := range t.Partitions {
				op := kmsg.NewDeleteRecordsResponseTopicPartition()
				op.Partition, op.LowWatermark, op.ErrorCode = p.Partition, -1, int16(code.NotLeaderOrFollower)
				out.Partitions = append(out.Partitions, op)
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	}
	panic("BUG: not a change of topics")
}

// unledGroups is unled for what groups have.
func unledGroups(r kmsg.Request) response {
	const wrong = int16(code.CoordinatorNotAvailable)
	switch req := r.(type) {
	case *kmsg.OffsetCommitRequest:
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range req.Topics {
			out := kmsg.NewOffsetCommitResponseTopic()
			out.Topic, out.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				out.Partitions = append(out.Partitions,
					kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: wrong})
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.OffsetFetchRequest:
		return unledOffsets(req)
	case *kmsg.DescribeGroupsRequest:
		resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
		for _, name := range req.Groups {
			out := kmsg.NewDescribeGroupsResponseGroup()
			out.Group, out.ErrorCode = name, wrong
			resp.Groups = append(resp.Groups, out)
		}
		return resp
	case *kmsg.ConsumerGroupDescribeRequest:
		resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
		for _, name := range req.Groups {
			out := kmsg.NewConsumerGroupDescribeResponseGroup()
			out.Group, out.ErrorCode = name, wrong
			resp.Groups = append(resp.Groups, out)
		}
		return resp
	case *kmsg.DeleteGroupsRequest:
		resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
		for _, name := range req.Groups {
			resp.Groups = append(resp.Groups, kmsg.DeleteGroupsResponseGroup{Group: name, ErrorCode: wrong})
		}
		return resp
	}
	panic("BUG: not about groups")
}

// unledOffsets is unled for OffsetFetch, whose first version has room for errors with partitions alone.
func unledOffsets(req *kmsg.OffsetFetchRequest) response {
	const wrong = int16(code.CoordinatorNotAvailable)
	resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	resp.ErrorCode = wrong
	for _, g := range req.Groups {
		out := kmsg.NewOffsetFetchResponseGroup()
		out.Group, out.ErrorCode = g.Group, wrong
		resp.Groups = append(resp.Groups, out)
	}
	if req.Version >= 2 {
		return resp
	}
	for _, t := range req.Topics {
		out := kmsg.NewOffsetFetchResponseTopic()
		out.Topic = t.Topic
		for _, n := range t.Partitions {
			op := kmsg.NewOffsetFetchResponseTopicPartition()
			op.Partition, op.Offset, op.ErrorCode = n, -1, wrong
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// unledTxns is unled for what transactions have.
func unledTxns(r kmsg.Request) response {
	const wrong = int16(code.CoordinatorNotAvailable)
	switch req := r.(type) {
	case *kmsg.AddPartitionsToTxnRequest:
		resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
		for _, t := range req.Topics {
			out := kmsg.NewAddPartitionsToTxnResponseTopic()
			out.Topic = t.Topic
			for _, n := range t.Partitions {
				out.Partitions = append(out.Partitions,
					kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: n, ErrorCode: wrong})
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.TxnOffsetCommitRequest:
		resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, t := range req.Topics {
			out := kmsg.NewTxnOffsetCommitResponseTopic()
			out.Topic = t.Topic
			for _, p := range t.Partitions {
				out.Partitions = append(out.Partitions,
					kmsg.TxnOffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: wrong})
			}
			resp.Topics = append(resp.Topics, out)
		}
		return resp
	case *kmsg.DescribeTransactionsRequest:
		resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		for _, id := range req.TransactionalIDs {
			out := kmsg.NewDescribeTransactionsResponseTransactionState()
			out.TransactionalID, out.ErrorCode = id, wrong
			resp.TransactionStates = append(resp.TransactionStates, out)
		}
		return resp
	}
	panic("BUG: not about transactions")
}
