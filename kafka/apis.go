package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// An api is an API that the door serves, in which versions.
type api struct {
	key      kmsg.Key
	min, max int16
	handle   handler
}

// A handler answers a request.
type handler func(*conn, context.Context, kmsg.Request) response

// on makes a handler of a method for one kind of request.
func on[R kmsg.Request](h func(*conn, context.Context, R) response) handler {
	return func(c *conn, ctx context.Context, r kmsg.Request) response { return h(c, ctx, r.(R)) }
}

// apis is what the door serves, by key. A minimum never rises: clients look for old versions to tell what a broker can
// do.
var apis []api

func init() {
	apis = []api{
		{kmsg.Produce, 0, 13, on((*conn).produce)},
		{kmsg.Fetch, 4, 18, on((*conn).fetch)},
		{kmsg.ListOffsets, 1, 11, on((*conn).listOffsets)},
		{kmsg.Metadata, 0, 13, on((*conn).metadata)},
		{kmsg.OffsetCommit, 2, 10, on((*conn).offsetCommit)},
		{kmsg.OffsetFetch, 1, 10, on((*conn).offsetFetch)},
		{kmsg.FindCoordinator, 0, 6, on((*conn).findCoordinator)},
		{kmsg.JoinGroup, 0, 9, on((*conn).joinGroup)},
		{kmsg.Heartbeat, 0, 4, on((*conn).heartbeat)},
		{kmsg.LeaveGroup, 0, 5, on((*conn).leaveGroup)},
		{kmsg.SyncGroup, 0, 5, on((*conn).syncGroup)},
		{kmsg.DescribeGroups, 0, 6, on((*conn).describeGroups)},
		{kmsg.ListGroups, 0, 5, on((*conn).listGroups)},
		{kmsg.SASLHandshake, 0, 1, on((*conn).saslHandshake)},
		{kmsg.ApiVersions, 0, 4, on((*conn).apiVersions)},
		{kmsg.CreateTopics, 2, 7, on((*conn).createTopics)},
		{kmsg.DeleteTopics, 1, 6, on((*conn).deleteTopics)},
		{kmsg.DeleteRecords, 0, 2, on((*conn).deleteRecords)},
		{kmsg.InitProducerID, 0, 5, on((*conn).initProducerID)},
		{kmsg.OffsetForLeaderEpoch, 2, 4, on((*conn).offsetForLeaderEpoch)},
		{kmsg.AddPartitionsToTxn, 0, 3, on((*conn).addPartitionsToTxn)},
		{kmsg.AddOffsetsToTxn, 0, 4, on((*conn).addOffsetsToTxn)},
		{kmsg.EndTxn, 0, 5, on((*conn).endTxn)},
		{kmsg.WriteTxnMarkers, 1, 1, on((*conn).writeTxnMarkers)},
		{kmsg.TxnOffsetCommit, 0, 5, on((*conn).txnOffsetCommit)},
		{kmsg.DescribeACLs, 1, 3, on((*conn).describeACLs)},
		{kmsg.CreateACLs, 1, 3, on((*conn).createACLs)},
		{kmsg.DeleteACLs, 1, 3, on((*conn).deleteACLs)},
		{kmsg.DescribeConfigs, 1, 4, on((*conn).describeConfigs)},
		{kmsg.AlterConfigs, 0, 2, on((*conn).alterConfigs)},
		{kmsg.DescribeLogDirs, 1, 4, on((*conn).describeLogDirs)},
		{kmsg.SASLAuthenticate, 0, 2, on((*conn).saslAuthenticate)},
		{kmsg.CreatePartitions, 0, 3, on((*conn).createPartitions)},
		{kmsg.DeleteGroups, 0, 2, on((*conn).deleteGroups)},
		{kmsg.ElectLeaders, 0, 2, on((*conn).electLeaders)},
		{kmsg.IncrementalAlterConfigs, 0, 1, on((*conn).incrementalAlterConfigs)},
		{kmsg.ListPartitionReassignments, 0, 0, on((*conn).listPartitionReassignments)},
		{kmsg.OffsetDelete, 0, 0, on((*conn).offsetDelete)},
		{kmsg.DescribeClientQuotas, 0, 1, on((*conn).describeClientQuotas)},
		{kmsg.DescribeUserSCRAMCredentials, 0, 0, on((*conn).describeScram)},
		{kmsg.AlterUserSCRAMCredentials, 0, 0, on((*conn).alterScram)},
		{kmsg.DescribeCluster, 0, 2, on((*conn).describeCluster)},
		{kmsg.DescribeProducers, 0, 0, on((*conn).describeProducers)},
		{kmsg.DescribeTransactions, 0, 0, on((*conn).describeTransactions)},
		{kmsg.ListTransactions, 0, 2, on((*conn).listTransactions)},
		{kmsg.ConsumerGroupHeartbeat, 0, 1, on((*conn).consumerGroupHeartbeat)},
		{kmsg.ConsumerGroupDescribe, 0, 1, on((*conn).consumerGroupDescribe)},
		{kmsg.DescribeTopicPartitions, 0, 0, on((*conn).describeTopicPartitions)},
	}
	for i := range apis {
		byKey[apis[i].key] = &apis[i]
	}
}

// byKey finds an API.
var byKey [128]*api

func apiOf(key int16) (*api, bool) {
	if key < 0 || int(key) >= len(byKey) || byKey[key] == nil {
		return nil, false
	}
	return byKey[key], true
}
