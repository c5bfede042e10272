package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/leatdb/leat/internal/kafkatest"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaRounds is how often everything is measured, in turns; the medians are compared.
const kafkaRounds = 3

// A target is a broker to measure.
type target struct {
	name, addr string
	config     []string // of its topics
}

// apache compares Leat with Apache Kafka through Apache Kafka's own programs, in turns: Leat syncs every write to disk,
// Apache Kafka leaves that to the system unless flush.messages is 1.
func (b *bench) apache() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	apache, err := kafkatest.Run(ctx)
	if err != nil {
		return err
	}
	defer apache.Close()
	s, err := b.start("apache")
	if err != nil {
		return err
	}
	defer s.stop()
	k := &kafkaBench{tools: apache, targets: []target{
		{"Leat", s.kafka, nil},
		{"Apache Kafka", apache.Addr, nil},
		{"Apache Kafka, flush.messages=1", apache.Addr, []string{"--config", "flush.messages=1"}},
	}}
	for _, size := range []int{100, 1024} {
		if err := k.throughput(ctx, size, b.rows*100/(size+100)); err != nil {
			return err
		}
	}
	return k.latencies(ctx)
}

// kafkaBench runs programs against targets.
type kafkaBench struct {
	tools   *kafkatest.Broker
	targets []target
	topics  int
}

// topic makes a topic of 6 partitions.
func (k *kafkaBench) topic(ctx context.Context, t target) (string, error) {
	k.topics++
	name := fmt.Sprintf("bench-%d", k.topics)
	args := append([]string{"--bootstrap-server", t.addr, "--create", "--topic", name, "--partitions", "6"}, t.config...)
	_, err := output(k.tools.Tool(ctx, "org.apache.kafka.tools.TopicCommand", args...))
	return name, err
}

var (
	producedRate = regexp.MustCompile(`(?m)^\d+ records sent, ([\d.]+) records/sec.*99th`)
	consumedRate = regexp.MustCompile(`(?m)^\d{4}-.*, ([\d.]+)$`)
)

// throughput measures records a second in and out.
func (k *kafkaBench) throughput(ctx context.Context, size, records int) error {
	in, out := make([][]float64, len(k.targets)), make([][]float64, len(k.targets))
	for range kafkaRounds {
		for i, t := range k.targets {
			topic, err := k.topic(ctx, t)
			if err != nil {
				return err
			}
			rate, err := k.rate(ctx, producedRate, "org.apache.kafka.tools.ProducerPerformance", "--topic", topic,
				"--num-records", strconv.Itoa(records), "--record-size", strconv.Itoa(size), "--throughput", "-1",
				"--producer-props", "bootstrap.servers="+t.addr, "acks=all")
			if err != nil {
				return err
			}
			in[i] = append(in[i], rate)
			rate, err = k.rate(ctx, consumedRate, "org.apache.kafka.tools.ConsumerPerformance", "--topic", topic,
				"--bootstrap-server", t.addr, "--messages", strconv.Itoa(records))
			if err != nil {
				return err
			}
			out[i] = append(out[i], rate)
		}
	}
	for i, t := range k.targets {
		line(fmt.Sprintf("%d-byte records, %s", size, t.name), "produced %.0f k/s, consumed %.0f k/s",
			median(in[i])/1e3, median(out[i])/1e3)
	}
	ratio := func(what string, wanted, got float64) {
		line(fmt.Sprintf("%s (wanted: %.1f)", what, wanted), "%.2f  %s", got, verdict(got >= wanted))
	}
	ratio("produce, Leat / Apache Kafka", 1, median(in[0])/median(in[1]))
	ratio("produce, Leat / Apache Kafka that syncs", 2, median(in[0])/median(in[2]))
	ratio("consume, Leat / Apache Kafka", 1, median(out[0])/median(out[1]))
	return nil
}

// rate runs a program and finds the rate it prints.
func (k *kafkaBench) rate(ctx context.Context, re *regexp.Regexp, class string, args ...string) (float64, error) {
	out, err := output(k.tools.Tool(ctx, class, args...))
	if err != nil {
		return 0, err
	}
	m := re.FindAllStringSubmatch(out, -1)
	if m == nil {
		return 0, fmt.Errorf("%s printed no rate:\n%s", class, out)
	}
	return strconv.ParseFloat(m[len(m)-1][1], 64)
}

func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return string(out), nil
}

func median(xs []float64) float64 {
	ds := make([]time.Duration, len(xs))
	for i, x := range xs {
		ds[i] = time.Duration(x * 1000)
	}
	return float64(percentile(ds, 50)) / 1000
}

// latencies compares the time from producing to consuming at 1,000 records a second.
func (k *kafkaBench) latencies(ctx context.Context) error {
	p99 := make([][]float64, 2)
	for range kafkaRounds {
		for i, t := range k.targets[:2] {
			topic, err := k.topic(ctx, t)
			if err != nil {
				return err
			}
			times, err := endToEnd(ctx, t.addr, topic, 10_000)
			if err != nil {
				return err
			}
			p99[i] = append(p99[i], percentile(times, 99).Seconds()*1e3)
			line("end to end, "+t.name, "p50 %v, p99 %v", percentile(times, 50), percentile(times, 99))
		}
	}
	ratio := median(p99[0]) / median(p99[1])
	line("end-to-end p99, Leat / Apache Kafka (wanted: 1.0 or less)", "%.2f  %s", ratio, verdict(ratio <= 1))
	return nil
}

// endToEnd produces n records on a schedule, a millisecond apart, and returns how long after its time each was
// consumed.
func endToEnd(ctx context.Context, addr, topic string, n int) ([]time.Duration, error) {
	w, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	r, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.FetchMinBytes(1))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	const warmUp = 1000
	failed := make(chan error, 1)
	go func() {
		began := time.Now()
		for i := range n + warmUp {
			due := began.Add(time.Duration(i) * time.Millisecond)
			time.Sleep(time.Until(due))
			record := &kgo.Record{Key: strconv.AppendInt(nil, int64(i), 10), Value: strconv.AppendInt(nil, due.UnixNano(), 10)}
			w.Produce(ctx, record, func(_ *kgo.Record, err error) {
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			})
		}
	}()
	var times []time.Duration
	for seen := 0; seen < n+warmUp; {
		select {
		case err := <-failed:
			return nil, err
		default:
		}
		fs := r.PollFetches(ctx)
		if err := errors.Join(fs.Err0(), ctx.Err()); err != nil {
			return nil, err
		}
		now := time.Now()
		for _, rec := range fs.Records() {
			due, err := strconv.ParseInt(string(rec.Value), 10, 64)
			if err != nil {
				return nil, err
			}
			if seen++; seen > warmUp {
				times = append(times, now.Sub(time.Unix(0, due)))
			}
		}
	}
	return times, nil
}
