package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// kafkaTopics introduces the Kafka door to the topics: those of clients and those under relations.
type kafkaTopics struct {
	node   *cluster.Node
	engine *engine.Engine
	view   atomic.Pointer[topicView]
}

// topicView is what clients see of the topics and relations of one moment.
type topicView struct {
	changed <-chan struct{} // the moment: of the topics
	catalog *catalog.Snapshot
	byName  map[string]kafka.Topic
	byID    map[[16]byte]string
	all     []kafka.Topic
}

// current returns the newest view. It is made anew when something has changed since the last.
func (k *kafkaTopics) current() *topicView {
	v, changed, cat := k.view.Load(), k.node.Changed(), k.engine.Catalog()
	if v != nil && v.changed == changed && v.catalog == cat {
		return v
	}
	v = &topicView{changed: changed, catalog: cat, byName: map[string]kafka.Topic{}, byID: map[[16]byte]string{}}
	writers := map[string]string{}
	for _, r := range cat.Relations() {
		if r.Query != "" {
			writers[r.Topic] = "the query of " + r.Name
		}
	}
	for _, t := range k.node.Topics() {
		if t.Internal {
			continue
		}
		kt := kafka.Topic{Name: t.Name, ID: topicID(&t), Writer: writers[t.Name]}
		for _, id := range t.IDs {
			kt.Partitions = append(kt.Partitions, kafka.PartitionID(id))
		}
		v.byName[t.Name], v.byID[kt.ID] = kt, t.Name
		v.all = append(v.all, kt)
	}
	k.view.Store(v)
	return v
}

// topicID is a topic's identity for clients. Topics of before there were any have one made of their number.
func topicID(t *cluster.Topic) [16]byte {
	id := t.UUID
	if id == ([16]byte{}) {
		copy(id[:], "leat.top")
		for i := range 8 {
			id[8+i] = byte(t.ID >> (56 - 8*i))
		}
	}
	return id
}

// Topic implements kafka.Topics.
func (k *kafkaTopics) Topic(name string) (kafka.Topic, bool) {
	t, ok := k.current().byName[name]
	return t, ok
}

// Topics implements kafka.Topics.
func (k *kafkaTopics) Topics() []kafka.Topic { return k.current().all }

// CreateTopic implements kafka.Topics.
func (k *kafkaTopics) CreateTopic(ctx context.Context, t kafka.NewTopic) error {
	return kafkaError(k.engine.CreateTopic(ctx, cluster.TopicConfig{Name: t.Name, Partitions: t.Partitions}))
}

// DeleteTopic implements kafka.Topics.
func (k *kafkaTopics) DeleteTopic(ctx context.Context, name string) error {
	return kafkaError(k.engine.DeleteTopic(ctx, name))
}

// kafkaRecords introduces the Kafka door to the partitions.
type kafkaRecords struct{ node *cluster.Node }

// Append implements kafka.Records.
func (k kafkaRecords) Append(ctx context.Context, p kafka.PartitionID, batches []byte) (kafka.Pending, error) {
	pending, err := k.node.Produce(ctx, cluster.Produce{Partition: cluster.PartitionID(p), Batches: batches})
	if err != nil {
		return nil, kafkaError(err)
	}
	return kafkaPending{pending}, nil
}

// kafkaPending is an append on its way as the door sees it.
type kafkaPending struct{ *cluster.PendingProduce }

// Wait implements kafka.Pending.
func (p kafkaPending) Wait(ctx context.Context) (int64, error) {
	done, err := p.PendingProduce.Wait(ctx)
	return done.Base, kafkaError(err)
}

// Read implements kafka.Records.
func (k kafkaRecords) Read(p kafka.PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error) {
	dst, err := k.node.Read(cluster.PartitionID(p), offset, maxBytes, dst)
	return dst, kafkaError(err)
}

// Bounds implements kafka.Records.
func (k kafkaRecords) Bounds(p kafka.PartitionID) (kafka.Bounds, error) {
	start, next, err := k.node.Bounds(cluster.PartitionID(p))
	if err != nil {
		return kafka.Bounds{}, kafkaError(err)
	}
	stable, err := k.node.LastStable(cluster.PartitionID(p))
	return kafka.Bounds{Start: start, Stable: stable, Next: next}, kafkaError(err)
}

// OffsetForTime implements kafka.Records.
func (k kafkaRecords) OffsetForTime(p kafka.PartitionID, ms int64) (offset, timestamp int64, err error) {
	at, ok, err := k.node.FindTime(cluster.PartitionID(p), ms)
	if err != nil || !ok {
		return -1, -1, kafkaError(err)
	}
	return at.Offset, at.Timestamp, nil
}

// Watch implements kafka.Watcher.
func (k kafkaRecords) Watch() (grew <-chan struct{}, stop func()) {
	w := k.node.Watch()
	return w.C, w.Close
}

// kafkaError says of an error what the door may tell clients.
func kafkaError(err error) error {
	var sql *sqlerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &sql):
		switch sql.Code {
		case sqlerr.InvalidName:
			return fmt.Errorf("%w: %w", kafka.InvalidTopic, err)
		case sqlerr.DependentObjectsStillExist:
			return fmt.Errorf("%w: %w", kafka.PolicyViolation, err)
		}
		return err
	}
	for _, known := range kafkaCodes {
		if errors.Is(err, known.is) {
			return fmt.Errorf("%w: %w", known.code, err)
		}
	}
	return err
}

// kafkaCodes are what the cluster's errors are to clients.
var kafkaCodes = []struct {
	is   error
	code kafka.Code
}{
	{cluster.ErrUnknownOutcome, kafka.RequestTimedOut},
	{cluster.ErrClosed, kafka.NotLeaderOrFollower},
	{cluster.ErrFailed, kafka.KafkaStorageError},
	{cluster.ErrDiskFull, kafka.KafkaStorageError},
	{cluster.ErrTooLarge, kafka.MessageTooLarge},
	{cluster.ErrNoPartition, kafka.UnknownTopicOrPartition},
	{cluster.ErrTopicExists, kafka.TopicAlreadyExists},
	{cluster.ErrNoTopic, kafka.UnknownTopicOrPartition},
	{cluster.ErrTopicConfig, kafka.InvalidConfig},
}

// clusterIDKey is the document with the name of the cluster that clients are told.
const clusterIDKey = "kafka/cluster-id"

// clusterID returns the cluster's name, and gives it one the first time.
func clusterID(ctx context.Context, node *cluster.Node) (string, error) {
	for {
		_, docs := node.Documents()
		if id, ok := docs[clusterIDKey]; ok {
			return string(id), nil
		}
		id := make([]byte, 16)
		rand.Read(id) // never fails
		name := []byte(base64.RawURLEncoding.EncodeToString(id))
		if _, err := node.Update(ctx, cluster.Change{Put: map[string][]byte{clusterIDKey: name}}); err != nil {
			return "", err
		}
	}
}
