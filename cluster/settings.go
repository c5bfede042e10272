package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatdb/leat/log"
)

// Settings are a topic's settings, with defaults where nothing was set. The comments give Kafka's names.
type Settings struct {
	Compact, Delete   bool          // cleanup.policy
	Compression       string        // compression.type
	DeleteRetention   time.Duration // delete.retention.ms
	MaxCompactionLag  time.Duration // max.compaction.lag.ms
	MaxMessageBytes   int           // max.message.bytes
	TimestampsBefore  time.Duration // message.timestamp.before.max.ms
	TimestampsAfter   time.Duration // message.timestamp.after.max.ms
	LogAppendTime     bool          // message.timestamp.type
	MinCleanableRatio float64       // min.cleanable.dirty.ratio
	MinCompactionLag  time.Duration // min.compaction.lag.ms
	RetentionBytes    int64         // retention.bytes, -1: no limit
	Spread            bool          // leat.placement: the partitions are in the spread shards
	Retention         time.Duration // retention.ms, -1: for ever
	SegmentBytes      int64         // segment.bytes
	SegmentAge        time.Duration // segment.ms
}

// A Setting is one setting of a topic as text.
type Setting struct {
	Name, Value string
	Set         bool   // by somebody; else it is the default
	Kind        string // boolean, int, long, double, list, string
	Doc         string
}

// defaultSegmentBytes is the size of segments where nothing else was set.
const defaultSegmentBytes = 128 << 20

// forEver is a time that does not come.
const forEver = time.Duration(math.MaxInt64)

// A settingRule is a setting that topics have: its default and what a value does.
type settingRule struct {
	name, fallback, kind string
	set                  func(s *Settings, value string) error
	doc                  string
}

// settingRules are all of them, by name.
var settingRules = []settingRule{
	{"cleanup.policy", "delete", "list", setCleanup,
		"delete drops old segments, compact keeps the last record of every key"},
	{"compression.type", "producer", "string", setCompression,
		"how batches are compressed: producer keeps them as they were sent"},
	{"delete.retention.ms", "86400000", "long", asTime(func(s *Settings) *time.Duration { return &s.DeleteRetention }),
		"how long compaction keeps the record that says a key was deleted"},
	{PlacementSetting, placedHome, "string", setPlacement,
		"home: the cluster's leader leads all partitions, spread: the nodes share them; fixed when the topic is made"},
	{"max.compaction.lag.ms", "9223372036854775807", "long",
		asTime(func(s *Settings) *time.Duration { return &s.MaxCompactionLag }),
		"how old a record may become before it is compacted whatever the ratio"},
	{"max.message.bytes", "1048588", "int", func(s *Settings, v string) (err error) {
		s.MaxMessageBytes, err = strconv.Atoi(v)
		return atLeast(0, int64(s.MaxMessageBytes), err)
	}, "the largest batch"},
	{"message.timestamp.after.max.ms", "9223372036854775807", "long",
		asTime(func(s *Settings) *time.Duration { return &s.TimestampsAfter }),
		"how far a record's timestamp may lie in the future"},
	{"message.timestamp.before.max.ms", "9223372036854775807", "long",
		asTime(func(s *Settings) *time.Duration { return &s.TimestampsBefore }),
		"how far a record's timestamp may lie in the past"},
	{"message.timestamp.type", "CreateTime", "string", setTimestampType,
		"whose time records have: the producer's or that of the append"},
	{"min.cleanable.dirty.ratio", "0.5", "double", setRatio,
		"compaction begins when this part of the log was never compacted"},
	{"min.compaction.lag.ms", "0", "long", asTime(func(s *Settings) *time.Duration { return &s.MinCompactionLag }),
		"how old a record is before it may be compacted"},
	{"min.insync.replicas", "1", "int", oneOf("1"), "a write is acknowledged when a majority has it on disk"},
	{"preallocate", "false", "boolean", oneOf("false"), "files grow as they are written"},
	{"retention.bytes", "-1", "long", func(s *Settings, v string) (err error) {
		s.RetentionBytes, err = strconv.ParseInt(v, 10, 64)
		return atLeast(-1, s.RetentionBytes, err)
	}, "how much of each partition is kept"},
	{"retention.ms", "-1", "long", func(s *Settings, v string) error {
		if v == "-1" {
			s.Retention = -1
			return nil
		}
		return asTime(func(s *Settings) *time.Duration { return &s.Retention })(s, v)
	}, "how long records are kept"},
	{"segment.bytes", strconv.Itoa(defaultSegmentBytes), "int", func(s *Settings, v string) (err error) {
		s.SegmentBytes, err = strconv.ParseInt(v, 10, 32)
		return atLeast(14, s.SegmentBytes, err)
	}, "the size at which a new file begins"},
	{"segment.ms", "9223372036854775807", "long", asTime(func(s *Settings) *time.Duration { return &s.SegmentAge }),
		"how much newer than its first record a file's records become"},
	{"unclean.leader.election.enable", "false", "boolean", oneOf("false"),
		"a leader has all that was acknowledged"},
}

func atLeast(low, n int64, err error) error {
	if err == nil && n < low {
		err = fmt.Errorf("%d or more is possible", low)
	}
	return err
}

// asTime makes a setter of a number of milliseconds.
func asTime(field func(*Settings) *time.Duration) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		*field(s) = forEver
		if n < int64(forEver/time.Millisecond) {
			*field(s) = ms(n)
		}
		return atLeast(0, n, err)
	}
}

// oneOf makes a setter that takes certain values, which change nothing.
func oneOf(values ...string) func(*Settings, string) error {
	return func(_ *Settings, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("possible is %s", strings.Join(values, " or "))
		}
		return nil
	}
}

func setCompression(s *Settings, v string) error {
	if s.Compression = v; v == asProduced {
		return nil
	}
	_, err := log.ParseCodec(v)
	if err != nil {
		err = errors.New("possible is producer, uncompressed, gzip, snappy, lz4 or zstd")
	}
	return err
}

// asProduced is the compression.type that changes nothing.
const asProduced = "producer"

// compressed returns batches as the topic wants them compressed.
func (s *Settings) compressed(batches []byte) ([]byte, error) {
	if s.Compression == asProduced {
		return batches, nil
	}
	codec, err := log.ParseCodec(s.Compression)
	if err != nil {
		return nil, err
	}
	var out []byte
	for len(batches) > 0 {
		_, one, rest, err := log.NextBatch(batches)
		if err == nil {
			one, err = log.Recompress(one, codec)
		}
		if err != nil {
			return nil, err
		}
		out, batches = append(out, one...), rest
	}
	return out, nil
}

func setCleanup(s *Settings, v string) error {
	s.Compact, s.Delete = false, false
	for policy := range strings.SplitSeq(v, ",") {
		switch strings.TrimSpace(policy) {
		case "compact":
			s.Compact = true
		case "delete":
			s.Delete = true
		default:
			return errors.New("possible is compact, delete, or both")
		}
	}
	return nil
}

// The setting that says where the partitions of a topic are, and its values.
const (
	PlacementSetting = "leat.placement"
	placedHome       = "home"
	placedSpread     = "spread"
)

func setPlacement(s *Settings, v string) error {
	s.Spread = v == placedSpread
	if !s.Spread && v != placedHome {
		return errors.New("possible is home or spread")
	}
	return nil
}

func setTimestampType(s *Settings, v string) error {
	s.LogAppendTime = v == "LogAppendTime"
	if !s.LogAppendTime && v != "CreateTime" {
		return errors.New("possible is CreateTime or LogAppendTime")
	}
	return nil
}

func setRatio(s *Settings, v string) (err error) {
	s.MinCleanableRatio, err = strconv.ParseFloat(v, 64)
	if err == nil && !(s.MinCleanableRatio >= 0 && s.MinCleanableRatio <= 1) {
		err = errors.New("0 to 1 is possible")
	}
	return err
}

// values returns what is set, by name.
func (c *TopicConfig) values() map[string]string {
	v := map[string]string{}
	if c.Retention > 0 {
		v["retention.ms"] = strconv.FormatInt(c.Retention.Milliseconds(), 10)
	}
	if c.RetentionBytes > 0 {
		v["retention.bytes"] = strconv.FormatInt(c.RetentionBytes, 10)
	}
	maps.Copy(v, c.Config)
	return v
}

// Settings returns what t's configuration comes to.
func (c *TopicConfig) Settings() Settings {
	s, _ := c.settings() // it was validated when it was made
	return s
}

func (c *TopicConfig) settings() (s Settings, err error) {
	set := c.values()
	for _, r := range settingRules {
		v, ok := set[r.name]
		delete(set, r.name)
		if !ok {
			v = r.fallback
		}
		if wrong := r.set(&s, v); wrong != nil && err == nil {
			err = fmt.Errorf("%w: %s of %q: %w", ErrTopicConfig, r.name, v, wrong)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if err == nil {
			err = fmt.Errorf("%w: unknown setting %q", ErrTopicConfig, name)
		}
	}
	return s, err
}

// DescribeSettings lists all settings of a topic, by name.
func (c *TopicConfig) DescribeSettings() []Setting {
	set := c.values()
	list := make([]Setting, len(settingRules))
	for i, r := range settingRules {
		list[i] = Setting{Name: r.name, Value: r.fallback, Kind: r.kind, Doc: r.doc}
		if v, ok := set[r.name]; ok {
			list[i].Value, list[i].Set = v, true
		}
	}
	return list
}

// An AlterTopic is a change of a topic's settings and of the number of its partitions.
type AlterTopic struct {
	Name string `json:"name"`
	// Settings are Kafka's names and values, null where a setting goes back to its default.
	Settings map[string]*string `json:"settings,omitempty"`
	// Replace makes settings that are not named go back too.
	Replace bool `json:"replace,omitempty"`
	// Partitions is how many partitions there shall be; 0 is as many as there are.
	Partitions int `json:"partitions,omitempty"`
}

// alter returns the topic as the change makes it, without numbers for the partitions that are new.
func (a *AlterTopic) alter(t Topic) (Topic, error) {
	if a.Partitions != 0 && a.Partitions < t.Partitions {
		return t, fmt.Errorf("%w: topic %q has %d partitions and cannot have %d", ErrTopicConfig, t.Name, t.Partitions,
			a.Partitions)
	}
	t.Partitions = max(t.Partitions, a.Partitions)
	spread := t.Settings().Spread
	if len(a.Settings) > 0 || a.Replace {
		set := map[string]string{}
		if !a.Replace {
			set = t.values()
		} else if v, ok := t.Config[PlacementSetting]; ok {
			set[PlacementSetting] = v
		}
		for name, v := range a.Settings {
			if v == nil {
				delete(set, name)
			} else {
				set[name] = *v
			}
		}
		t.Retention, t.RetentionBytes, t.Config = 0, 0, set
	}
	if t.Settings().Spread != spread {
		return t, fmt.Errorf("%w: %s of topic %q cannot change", ErrTopicConfig, PlacementSetting, t.Name)
	}
	return t, t.Validate()
}

// AlterTopic changes settings of a topic: Kafka's names and values, null where a setting goes back to its default.
// With replace, settings that are not named go back too. Errors: ErrNoTopic, ErrTopicConfig.
func (n *Node) AlterTopic(ctx context.Context, name string, settings map[string]*string, replace bool) error {
	_, err := n.Update(ctx, Change{AlterTopics: []AlterTopic{{Name: name, Settings: settings, Replace: replace}}})
	return err
}

// AddPartitions makes a topic have so many partitions in all. Errors: ErrNoTopic, ErrTopicConfig.
func (n *Node) AddPartitions(ctx context.Context, name string, partitions int) error {
	if t, ok := n.Topic(name); ok && t.Partitions >= partitions {
		return fmt.Errorf("%w: topic %q has %d partitions already", ErrTopicConfig, name, t.Partitions)
	}
	_, err := n.Update(ctx, Change{AlterTopics: []AlterTopic{{Name: name, Partitions: partitions}}})
	return err
}

// TopicByUUID finds a topic.
func (n *Node) TopicByUUID(id [16]byte) (Topic, bool) {
	v := n.control.view.Load()
	name, ok := v.uuids[id]
	return v.topics[name], ok
}

// checkProduce verifies what a producer sent against the rules of Kafka and of the topic. It returns the first header.
func checkProduce(b []byte, s *Settings, nowMs int64) (first log.Header, err error) {
	if len(b) == 0 {
		return first, fmt.Errorf("%w: no batch", ErrRecord)
	}
	for rest := b; len(rest) > 0; {
		h, n, err := log.Check(rest)
		if err != nil {
			return first, err
		}
		if err := checkClientBatch(&h); err != nil {
			return first, err
		}
		if err := s.check(&h, rest[:n], nowMs); err != nil {
			return first, err
		}
		if len(rest) == len(b) {
			first = h
		}
		if rest = rest[n:]; len(rest) > 0 && first.ProducerID != NoProducer {
			return first, fmt.Errorf("%w: more than one batch of an idempotent producer", ErrRecord)
		}
	}
	return first, nil
}

// checkClientBatch verifies that a client may send such a batch.
func checkClientBatch(h *log.Header) error {
	switch {
	case h.Control():
		return fmt.Errorf("%w: clients may not write control batches", ErrRecord)
	case h.Records == 0 || h.LastOffsetDelta != h.Records-1:
		return fmt.Errorf("%w: %d records over %d offsets", ErrRecord, h.Records, int64(h.LastOffsetDelta)+1)
	case h.Attributes&log.AttrDeleteHorizon != 0:
		return fmt.Errorf("%w: clients may not set a delete horizon", ErrRecord)
	case h.ProducerID < NoProducer, h.ProducerID != NoProducer && (h.ProducerEpoch < 0 || h.BaseSequence < 0),
		h.ProducerID == NoProducer && h.Transactional():
		return fmt.Errorf("%w: producer %d, epoch %d, sequence %d", ErrRecord, h.ProducerID, h.ProducerEpoch,
			h.BaseSequence)
	}
	return nil
}

// check verifies a batch against a topic's settings.
func (s *Settings) check(h *log.Header, batch []byte, nowMs int64) error {
	if len(batch) > s.MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes, %d at most", ErrBatchTooLarge, len(batch), s.MaxMessageBytes)
	}
	if !s.LogAppendTime {
		switch {
		case h.Attributes&log.AttrLogAppendTime != 0:
			return fmt.Errorf("%w: a time of the append, and the topic keeps the producer's", ErrTimestamp)
		case s.TimestampsAfter != forEver && h.MaxTimestamp > nowMs+s.TimestampsAfter.Milliseconds(),
			s.TimestampsBefore != forEver && h.BaseTimestamp < nowMs-s.TimestampsBefore.Milliseconds():
			return fmt.Errorf("%w: %d to %d when it is %d", ErrTimestamp, h.BaseTimestamp, h.MaxTimestamp, nowMs)
		}
	}
	if !s.Compact {
		return nil
	}
	var r log.Reader
	var rec log.Record
	if err := r.Reset(batch); err != nil {
		return err
	}
	for r.Next(&rec) {
		if rec.Key == nil {
			return fmt.Errorf("%w: a record without a key, and the topic is compacted by key", ErrRecord)
		}
	}
	return r.Err()
}
