package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/kafka/group"
)

// TestNoCoordinator asks a node that leads no longer for what a coordinator does: the errors are those for which clients
// look for it anew.
func TestNoCoordinator(t *testing.T) {
	node, err := cluster.Open(t.Context(), cluster.Config{Dir: t.TempDir(), ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	topics := &kafkaTopics{node: node}
	offsets, groups, txns := &kafkaOffsets{node, topics}, kafkaGroups{node}, &kafkaTxns{node, topics}
	named := kafka.Txn{TransactionalID: "x", Producer: kafka.Producer{ID: 1}}
	ctx := context.Background()
	for name, ask := range map[string]func() error{
		"commit": func() error { return offsets.Commit(ctx, kafka.OffsetCommit{Group: "g", Generation: -1}) },
		"fetch":  func() error { _, err := offsets.Committed("g"); return err },
		"put":    func() error { return groups.Put(ctx, group.Stored{Name: "g"}) },
		"delete": func() error { return groups.Delete(ctx, "g") },
		"init": func() error {
			_, err := txns.InitProducer(ctx, kafka.ProducerRequest{TransactionalID: "x", Timeout: 1000,
				Known: kafka.Producer{ID: -1, Epoch: -1}})
			return err
		},
		"add": func() error { return txns.AddToTxn(ctx, named, nil, []string{"g"}) },
		"end": func() error { _, err := txns.EndTxn(ctx, kafka.EndTxn{Txn: named, Commit: true}); return err },
	} {
		var got code.Code
		if err := ask(); !errors.As(err, &got) || got != code.NotCoordinator {
			t.Errorf("%s: %v", name, err)
		}
	}
	var got code.Code
	_, err = txns.InitProducer(ctx, kafka.ProducerRequest{Known: kafka.Producer{ID: -1, Epoch: -1}})
	if !errors.As(err, &got) || got != code.CoordinatorLoadInProgress {
		t.Errorf("a number for a producer: %v", err)
	}
	if err := topics.AlterTopic(ctx, "t", nil, false); !errors.As(err, &got) || got != code.NotController {
		t.Errorf("a setting: %v", err)
	}
	for from, to := range map[error]code.Code{cluster.ErrNotLeader: code.NotController,
		cluster.ErrNoLeader: code.LeaderNotAvailable, cluster.ErrUnknownOutcome: code.RequestTimedOut,
		engine.Translate(cluster.ErrNotLeader): code.NotController, engine.Translate(cluster.ErrClosed): code.NotController,
		engine.Translate(cluster.ErrUnknownOutcome): code.RequestTimedOut,
		engine.Translate(cluster.ErrDiskFull):       code.KafkaStorageError} {
		if err := controllerError(fmt.Errorf("user: %w", from)); !errors.As(err, &got) || got != to {
			t.Errorf("%v becomes %v", from, err)
		}
	}
	for from, to := range map[error]code.Code{cluster.ErrUnknownOutcome: code.CoordinatorNotAvailable,
		cluster.ErrNotLeader: code.NotCoordinator, cluster.ErrGeneration: code.IllegalGeneration} {
		if err := coordinatorError(fmt.Errorf("put: %w", from)); !errors.As(err, &got) || got != to {
			t.Errorf("%v becomes %v", from, err)
		}
	}
}
