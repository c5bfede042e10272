package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaRecordBytes = 100
	kafkaPartitions  = 2
)

// kafka produces and consumes records with a Kafka client, in turns with plain writes and plain sends over the loopback
// of as many bytes, and compares the medians. The client takes most of the time.
func (b *bench) kafka() error {
	s, err := b.start("kafka")
	if err != nil {
		return err
	}
	defer s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var produced, consumed, written, sent []time.Duration
	data := make([]byte, b.rows*kafkaRecordBytes)
	for turn := range 3 {
		topic := fmt.Sprintf("bench-%d", turn)
		d, err := b.produceAll(ctx, s.kafka, topic, nil)
		if err != nil {
			return err
		}
		produced = append(produced, d)
		if d, err = writeSynced(filepath.Join(b.dir, "plain"), data, 1<<20); err != nil {
			return err
		}
		written = append(written, d)
		if d, err = b.consumeAll(ctx, s.kafka, topic); err != nil {
			return err
		}
		consumed = append(consumed, d)
		if d, err = sendAll(data); err != nil {
			return err
		}
		sent = append(sent, d)
	}
	show := func(what string, times []time.Duration, than string, others []time.Duration) {
		t := percentile(times, 50)
		line(what, "%.2f M records/s, %.0f MB/s", float64(b.rows)/t.Seconds()/1e6, float64(len(data))/t.Seconds()/1e6)
		line(what+" / "+than, "%.2f", percentile(others, 50).Seconds()/t.Seconds())
	}
	show("produce, acks=all, idempotent", produced, "write + fdatasync of each 1 MiB", written)
	show("consume", consumed, "sending over the loopback", sent)
	return nil
}

// produceAll makes a topic and fills it.
func (b *bench) produceAll(ctx context.Context, addr, topic string, config map[string]*string) (time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(100_000), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, kafkaPartitions, 1, config, topic); err != nil {
		return 0, err
	}
	began := time.Now()
	failed := make(chan error, 1)
	values := make([]byte, b.rows*kafkaRecordBytes)
	for i := range b.rows {
		v := values[i*kafkaRecordBytes:][:kafkaRecordBytes:kafkaRecordBytes]
		binary.BigEndian.PutUint64(v, uint64(i))
		cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: int32(i % kafkaPartitions), Value: v},
			func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
	}
	if err := cl.Flush(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	select {
	case err := <-failed:
		return 0, err
	default:
		return took, nil
	}
}

// consumeAll reads a topic from start to end.
func (b *bench) consumeAll(ctx context.Context, addr, topic string) (time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(8<<20))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	began := time.Now()
	for n := 0; n < b.rows; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		n += fetches.NumRecords()
	}
	return time.Since(began), nil
}

// sendAll sends data over a connection of the loopback.
func sendAll(data []byte) (time.Duration, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	failed := make(chan error, 1)
	began := time.Now()
	go func() {
		failed <- func() error {
			c, err := l.Accept()
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write(data)
			return err
		}()
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	buf := make([]byte, 256<<10)
	for {
		if _, err := c.Read(buf); err == io.EOF {
			return time.Since(began), <-failed
		} else if err != nil {
			return 0, err
		}
	}
}
