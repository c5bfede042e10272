package main

import (
	"context"
	"fmt"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/kafka/code"
)

// kafkaTxns introduces the Kafka door to producers and transactions.
type kafkaTxns struct {
	node   *cluster.Node
	topics *kafkaTopics
}

func clusterTxn(t kafka.Txn) cluster.Txn {
	return cluster.Txn{TransactionalID: t.TransactionalID, Producer: cluster.Producer(t.Producer)}
}

// InitProducer implements kafka.Transactions.
func (k *kafkaTxns) InitProducer(ctx context.Context, r kafka.ProducerRequest) (kafka.Producer, error) {
	if cluster.OwnTransaction(r.TransactionalID) {
		return kafka.Producer{}, fmt.Errorf("%w: the name %q is reserved", code.TransactionalIDAuthorizationFailed,
			r.TransactionalID)
	}
	p, err := k.node.InitProducer(ctx, cluster.ProducerRequest{TransactionalID: r.TransactionalID, Timeout: r.Timeout,
		Known: cluster.Producer(r.Known)})
	err = coordinatorError(err)
	if r.TransactionalID == "" { // there is no coordinator that the client could look for
		err = instead(err, map[code.Code]code.Code{code.NotCoordinator: code.CoordinatorLoadInProgress,
			code.CoordinatorNotAvailable: code.CoordinatorLoadInProgress})
	}
	return kafka.Producer(p), err
}

// AddToTxn implements kafka.Transactions.
func (k *kafkaTxns) AddToTxn(ctx context.Context, t kafka.Txn, partitions []kafka.PartitionID, groups []string) error {
	ids := make([]cluster.PartitionID, len(partitions))
	for i, p := range partitions {
		ids[i] = cluster.PartitionID(p)
	}
	return coordinatorError(k.node.AddToTxn(ctx, clusterTxn(t), ids, groups))
}

// EndTxn implements kafka.Transactions.
func (k *kafkaTxns) EndTxn(ctx context.Context, e kafka.EndTxn) (kafka.Producer, error) {
	p, err := k.node.EndTxn(ctx, cluster.EndTxn{Txn: clusterTxn(e.Txn), Commit: e.Commit, Bump: e.Bump})
	return kafka.Producer(p), coordinatorError(err)
}

// WriteMarker implements kafka.Transactions.
func (k *kafkaTxns) WriteMarker(ctx context.Context, p kafka.PartitionID, of kafka.Producer, commit bool,
	coordinatorEpoch int32) error {
	return kafkaError(k.node.WriteMarker(ctx, cluster.PartitionID(p), cluster.Producer(of), commit, coordinatorEpoch))
}

// Transactions implements kafka.TransactionViews.
func (k *kafkaTxns) Transactions() []kafka.Transaction {
	var out []kafka.Transaction
	for _, t := range k.node.Transactions() {
		if cluster.OwnTransaction(t.TransactionalID) {
			continue
		}
		out = append(out, k.transaction(&t))
	}
	return out
}

// Transaction implements kafka.TransactionViews.
func (k *kafkaTxns) Transaction(id string) (kafka.Transaction, bool) {
	t, ok := k.node.Transaction(id)
	if !ok || cluster.OwnTransaction(id) {
		return kafka.Transaction{}, false
	}
	return k.transaction(&t), true
}

func (k *kafkaTxns) transaction(t *cluster.Transaction) kafka.Transaction {
	out := kafka.Transaction{
		Txn:   kafka.Txn{TransactionalID: t.TransactionalID, Producer: kafka.Producer(t.Producer)},
		State: t.State.String(), Timeout: t.Timeout, Started: t.Started,
	}
	for _, p := range t.Partitions {
		if at, ok := k.topics.current().places[p]; ok {
			out.Partitions = append(out.Partitions, at)
		}
	}
	return out
}

// Producers implements kafka.TransactionViews.
func (k *kafkaTxns) Producers(p kafka.PartitionID) ([]kafka.PartitionProducer, error) {
	known, err := k.node.Producers(cluster.PartitionID(p))
	if err != nil {
		return nil, kafkaError(err)
	}
	var out []kafka.PartitionProducer
	for _, pp := range known {
		out = append(out, kafka.PartitionProducer{Producer: kafka.Producer(pp.Producer), LastSequence: pp.LastSequence,
			LastTime: pp.LastTime, CoordinatorEpoch: pp.CoordinatorEpoch, TxnStart: pp.TxnStart})
	}
	return out, nil
}

// Aborted implements kafka.TransactionViews.
func (k *kafkaTxns) Aborted(p kafka.PartitionID, from, to int64) ([]kafka.AbortedTxn, error) {
	aborted, err := k.node.Aborted(cluster.PartitionID(p), from, to)
	if err != nil {
		return nil, kafkaError(err)
	}
	var out []kafka.AbortedTxn
	for _, t := range aborted {
		out = append(out, kafka.AbortedTxn{Producer: t.Producer, FirstOffset: t.First})
	}
	return out, nil
}
