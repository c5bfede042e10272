package kafka

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request that claims many tagged fields is refused at once, wherever it claims them; the same request without is not.
func TestTooManyTags(t *testing.T) {
	counts := [][]byte{{0xff, 0xff, 0xff, 0xff, 0x0f}, {0x80, 0x80, 0x80, 0x80, 0x08}, {0xff, 0xff, 0xff, 0x7f},
		{0xff, 0xff, 0xff, 0xff, 0x01}}
	for _, a := range apis {
		req := kmsg.RequestForKey(int16(a.key))
		req.SetVersion(a.max)
		if !req.IsFlexible() {
			continue
		}
		frame := encodeRequest(1, req)[4:]
		if _, err := parseCall(bytes.Clone(frame)); err != nil {
			t.Fatalf("%s: %v", kmsg.NameForKey(int16(a.key)), err)
		}
		for _, count := range counts {
			for _, tail := range [][]byte{nil, {0, 0, 0, 0, 0, 0}, {1, 0, 2, 0, 3, 1, 1}} {
				long := append(append(slices.Clone(frame[:len(frame)-1]), count...), tail...)
				began := time.Now()
				_, err := parseCall(long)
				if !errors.Is(err, errFrame) {
					t.Errorf("%s with %x: %v", kmsg.NameForKey(int16(a.key)), count, err)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("%s with %x: took %v", kmsg.NameForKey(int16(a.key)), count, took)
				}
			}
		}
	}
}

// What looks like a large number and is none is let through.
func TestLargeNumbers(t *testing.T) {
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	for range 20 {
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic = "\u4e2d\u6587\u4e2d\u6587\u0001"
		p := kmsg.NewFetchRequestTopicPartition()
		p.CurrentLeaderEpoch, p.LogStartOffset, p.FetchOffset = -1, -1, rand.Int64()
		topic.Partitions = append(topic.Partitions, p)
		fetch.Topics = append(fetch.Topics, topic)
	}
	k, err := parseCall(encodeRequest(1, fetch)[4:])
	if err != nil {
		t.Fatal(err)
	}
	if got := k.req.(*kmsg.FetchRequest).Topics; len(got) != 20 || got[3].Topic != fetch.Topics[3].Topic {
		t.Fatalf("read %d topics", len(got))
	}
	random := rand.NewChaCha8([32]byte{7})
	records := make([]byte, 1<<16)
	random.Read(records)
	if _, err := parseCall(encodeRequest(1, produceRequest(-1, records))[4:]); err != nil {
		t.Fatal(err)
	}
}
