package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/sql/sqlerr"
)

// kafkaTopics introduces the Kafka door to the topics: those of clients and those under relations.
type kafkaTopics struct {
	node   *cluster.Node
	engine *engine.Engine // nil where topics are not changed
	spread bool           // topics are, of clients that do not say
	view   atomic.Pointer[topicView]
}

// topicView is what clients see of the topics and relations of one moment.
type topicView struct {
	changed <-chan struct{} // the moment: it is closed when the next comes
	byName  map[string]kafka.Topic
	byID    map[[16]byte]kafka.Topic
	places  map[cluster.PartitionID]kafka.Place
	all     []kafka.Topic
}

// current returns the newest view. It is made anew when something has changed since the last.
func (k *kafkaTopics) current() *topicView {
	v, changed := k.view.Load(), k.node.Changed()
	if v != nil && v.changed == changed {
		return v
	}
	v = &topicView{changed: changed, byName: map[string]kafka.Topic{},
		byID: map[[16]byte]kafka.Topic{}, places: map[cluster.PartitionID]kafka.Place{}}
	topics := k.node.Topics()
	writers, err := engine.Writers(k.node) // after the topics: a topic without its writer must not be seen
	for _, t := range topics {
		if t.Internal {
			continue
		}
		kt := kafka.Topic{Name: t.Name, ID: topicID(&t)}
		if err != nil {
			kt.Writer = "nobody knows who" // the catalog cannot be read: the engine says so too
		} else if name, ok := writers[t.Name]; ok {
			kt.Writer = "the query of " + name
		}
		for i, id := range t.IDs {
			v.places[id] = kafka.Place{Topic: t.Name, Number: int32(i)}
			kt.Partitions = append(kt.Partitions, kafka.PartitionID(id))
		}
		v.byName[t.Name], v.byID[kt.ID] = kt, kt
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

// TopicByID implements kafka.Topics.
func (k *kafkaTopics) TopicByID(id [16]byte) (kafka.Topic, bool) {
	t, ok := k.current().byID[id]
	return t, ok
}

// Topics implements kafka.Topics.
func (k *kafkaTopics) Topics() []kafka.Topic { return k.current().all }

// Settings implements kafka.Topics.
func (k *kafkaTopics) Settings(topic string) []kafka.Setting {
	t, ok := k.node.Topic(topic)
	if !ok {
		return nil
	}
	var out []kafka.Setting
	for _, s := range t.DescribeSettings() {
		out = append(out, kafka.Setting(s))
	}
	return out
}

// CreateTopic implements kafka.Admin.
func (k *kafkaTopics) CreateTopic(ctx context.Context, t kafka.NewTopic) error {
	c := cluster.TopicConfig{Name: t.Name, Partitions: t.Partitions, Config: k.placed(t.Settings)}
	if !t.ValidateOnly {
		return controllerError(k.engine.CreateTopic(ctx, c))
	}
	if _, exists := k.node.Topic(t.Name); exists {
		return kafkaError(fmt.Errorf("%w: %q", cluster.ErrTopicExists, t.Name))
	}
	return kafkaError(c.Validate())
}

// The setting of topics that says where their partitions are, and its values.
const (
	placementSetting = "leat.placement"
	placedHome       = "home"
	placedSpread     = "spread"
)

// placed adds to the settings of a new topic where its partitions are to be, where they do not say and may be anywhere.
func (k *kafkaTopics) placed(settings map[string]string) map[string]string {
	if _, says := settings[placementSetting]; says || !k.spread || k.node.Spread() == 0 {
		return settings
	}
	settings = maps.Clone(settings)
	if settings == nil {
		settings = map[string]string{}
	}
	settings[placementSetting] = placedSpread
	return settings
}

// DeleteTopic implements kafka.Admin.
func (k *kafkaTopics) DeleteTopic(ctx context.Context, name string) error {
	return controllerError(k.engine.DeleteTopic(ctx, name))
}

// AddPartitions implements kafka.Admin.
func (k *kafkaTopics) AddPartitions(ctx context.Context, name string, partitions int) error {
	return controllerError(k.engine.AddPartitions(ctx, name, partitions))
}

// AlterTopic implements kafka.Admin.
func (k *kafkaTopics) AlterTopic(ctx context.Context, name string, settings map[string]*string, replace bool) error {
	return controllerError(k.node.AlterTopic(ctx, name, settings, replace))
}

// SizeBytes implements kafka.Storage.
func (k *kafkaTopics) SizeBytes(p kafka.PartitionID) (int64, error) {
	n, err := k.node.SizeBytes(cluster.PartitionID(p))
	return n, kafkaError(err)
}

// Trim implements kafka.Storage. What relations are made of is not for clients to delete.
func (k *kafkaTopics) Trim(ctx context.Context, p kafka.PartitionID, start int64) error {
	if at, ok := k.current().places[cluster.PartitionID(p)]; ok {
		if err := k.engine.Unused(at.Topic); err != nil {
			return kafkaError(err)
		}
	}
	return kafkaError(k.node.Trim(ctx, cluster.PartitionID(p), start))
}

// kafkaRecords introduces the Kafka door to the partitions.
type kafkaRecords struct{ node *cluster.Node }

// Produce implements kafka.Records.
func (k kafkaRecords) Produce(ctx context.Context, p kafka.Produce) (kafka.Pending, error) {
	pending, err := k.node.Produce(ctx, cluster.Produce{Partition: cluster.PartitionID(p.Partition),
		Batches: p.Batches, TransactionalID: p.TransactionalID, AddToTxn: p.AddToTxn})
	if err != nil {
		return nil, kafkaError(err)
	}
	return kafkaPending{pending}, nil
}

// kafkaPending is an append on its way as the door sees it.
type kafkaPending struct{ *cluster.PendingProduce }

// Wait implements kafka.Pending.
func (p kafkaPending) Wait(ctx context.Context) (kafka.Produced, error) {
	done, err := p.PendingProduce.Wait(ctx)
	return kafka.Produced(done), kafkaError(err)
}

// Read implements kafka.Records.
func (k kafkaRecords) Read(p kafka.PartitionID, offset int64, maxBytes int, dst []byte) ([]byte, error) {
	dst, err := k.node.Read(cluster.PartitionID(p), offset, maxBytes, dst)
	return dst, kafkaError(err)
}

// File implements kafka.Records.
func (k kafkaRecords) File(p kafka.PartitionID, offset, limit int64, maxBytes int) (kafka.FileRange, error) {
	r, err := k.node.File(cluster.PartitionID(p), offset, limit, maxBytes)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, nil
	case err != nil:
		return nil, kafkaError(err)
	case r.Bytes == 0:
		return nil, r.Close()
	}
	return kafkaFile{r}, nil
}

// kafkaFile is batches in a file as the door sees them.
type kafkaFile struct{ *cluster.FileRange }

// Size implements kafka.FileRange.
func (f kafkaFile) Size() int64 { return f.Bytes }

// Bounds implements kafka.Records.
func (k kafkaRecords) Bounds(p kafka.PartitionID) (kafka.Bounds, error) {
	stable, err := k.node.LastStable(cluster.PartitionID(p)) // first: it is not above an end that is asked for later
	if err != nil {
		return kafka.Bounds{}, kafkaError(err)
	}
	start, next, err := k.node.Bounds(cluster.PartitionID(p))
	return kafka.Bounds{Start: start, Stable: stable, Next: next}, kafkaError(err)
}

// FindTime implements kafka.Positions.
func (k kafkaRecords) FindTime(p kafka.PartitionID, ms int64) (kafka.TimedOffset, bool, error) {
	at, ok, err := k.node.FindTime(cluster.PartitionID(p), ms)
	return kafka.TimedOffset(at), ok, kafkaError(err)
}

// MaxTimestamp implements kafka.Positions.
func (k kafkaRecords) MaxTimestamp(p kafka.PartitionID) (kafka.TimedOffset, bool, error) {
	at, ok, err := k.node.MaxTimestamp(cluster.PartitionID(p))
	return kafka.TimedOffset(at), ok, kafkaError(err)
}

// LeaderEpoch implements kafka.Positions.
func (k kafkaRecords) LeaderEpoch(p kafka.PartitionID) (int32, error) {
	epoch, err := k.node.LeaderEpoch(cluster.PartitionID(p))
	return epoch, kafkaError(err)
}

// EpochEnd implements kafka.Positions.
func (k kafkaRecords) EpochEnd(p kafka.PartitionID, epoch int32) (found int32, end int64, err error) {
	found, end, err = k.node.EpochEnd(cluster.PartitionID(p), epoch)
	return found, end, kafkaError(err)
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
		if as, ok := kafkaSQLCodes[sql.Code]; ok {
			return fmt.Errorf("%w: %w", as, err)
		}
		return err
	}
	for _, known := range kafkaCodes {
		if errors.Is(err, known.is) {
			return fmt.Errorf("%w: %w", known.as, err)
		}
	}
	return err
}

// coordinatorError is kafkaError for what the coordinator of groups and transactions does. Clients look for it anew and
// ask again where a broker's error would be one that they do not expect.
func coordinatorError(err error) error {
	return instead(kafkaError(err), map[code.Code]code.Code{code.NotLeaderOrFollower: code.NotCoordinator,
		code.KafkaStorageError: code.NotCoordinator, code.RequestTimedOut: code.CoordinatorNotAvailable})
}

// controllerError is kafkaError for what changes topics, and users.
func controllerError(err error) error {
	return instead(kafkaError(err), map[code.Code]code.Code{code.NotLeaderOrFollower: code.NotController})
}

// instead gives an error another code.
func instead(err error, codes map[code.Code]code.Code) error {
	var c code.Code
	if errors.As(err, &c) {
		if other, ok := codes[c]; ok {
			return fmt.Errorf("%w: %w", other, err)
		}
	}
	return err
}

// kafkaSQLCodes are what the engine's errors are to clients.
var kafkaSQLCodes = map[sqlerr.Code]code.Code{
	sqlerr.InvalidName: code.InvalidTopic, sqlerr.DependentObjectsStillExist: code.PolicyViolation,
	sqlerr.AdminShutdown: code.NotLeaderOrFollower, sqlerr.CannotConnectNow: code.LeaderNotAvailable,
	sqlerr.StatementCompletionUnknown: code.RequestTimedOut, sqlerr.DiskFull: code.KafkaStorageError,
}

// kafkaCodes are what the cluster's errors are to clients.
var kafkaCodes = []struct {
	is error
	as code.Code
}{
	{cluster.ErrUnknownOutcome, code.RequestTimedOut},
	{cluster.ErrClosed, code.NotLeaderOrFollower},
	{cluster.ErrNotLeader, code.NotLeaderOrFollower},
	{cluster.ErrNoLeader, code.LeaderNotAvailable},
	{cluster.ErrFailed, code.KafkaStorageError},
	{cluster.ErrDiskFull, code.KafkaStorageError},
	{cluster.ErrTooLarge, code.MessageTooLarge},
	{cluster.ErrNoPartition, code.UnknownTopicOrPartition},
	{cluster.ErrTopicExists, code.TopicAlreadyExists},
	{cluster.ErrNoTopic, code.UnknownTopicOrPartition},
	{cluster.ErrTopicConfig, code.InvalidConfig},
	{cluster.ErrGeneration, code.IllegalGeneration},
	{cluster.ErrNoGroup, code.GroupIDNotFound},
	{cluster.ErrOutOfOrder, code.OutOfOrderSequenceNumber},
	{cluster.ErrProducerEpoch, code.InvalidProducerEpoch},
	{cluster.ErrProducerFenced, code.ProducerFenced},
	{cluster.ErrProducerMapping, code.InvalidProducerIDMapping},
	{cluster.ErrTxnState, code.InvalidTxnState},
	{cluster.ErrTxnTimeout, code.InvalidTransactionTimeout},
	{cluster.ErrConcurrentTxn, code.ConcurrentTransactions},
	{cluster.ErrRecord, code.InvalidRecord},
	{cluster.ErrTimestamp, code.InvalidTimestamp},
	{cluster.ErrBatchTooLarge, code.MessageTooLarge},
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
