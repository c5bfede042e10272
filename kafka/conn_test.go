package kafka

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/log"
)

// TestFrames sends what testdata/frames.txt has, byte by byte, and shows what comes back. An input's lines are frames
// without their length: hex digits, and text in quotes. Lines with a length in front are sent as they are.
func TestFrames(t *testing.T) {
	golden.Run(t, "./testdata/frames.txt", func(t *testing.T, gc *golden.Case) string {
		_, nc := serveFake(t, newFake(topicAB), func(c *Config) { c.MaxRequestBytes = 1000 })
		var sent []byte
		for line := range strings.Lines(gc.Input) {
			line, raw := strings.CutPrefix(strings.TrimSpace(line), "raw")
			b := frameBytes(t, line)
			if !raw {
				b = append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
			}
			sent = append(sent, b...)
		}
		if _, err := nc.Write(sent); err != nil {
			t.Fatal(err)
		}
		if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for {
			var length [4]byte
			if _, err := io.ReadFull(nc, length[:]); err != nil {
				out.WriteString("closed\n")
				return out.String()
			}
			body := make([]byte, binary.BigEndian.Uint32(length[:]))
			if _, err := io.ReadFull(nc, body); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "%s\n", strings.TrimRight(hex.Dump(body), "\n"))
		}
	})
}

// frameBytes reads hex digits and quoted text.
func frameBytes(t *testing.T, text string) (b []byte) {
	t.Helper()
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			b = append(b, part...)
			continue
		}
		h, err := hex.DecodeString(strings.ReplaceAll(part, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		b = append(b, h...)
	}
	return b
}

// client says requests and reads responses.
type client struct {
	t    testing.TB
	net  net.Conn
	in   *bufio.Reader
	next int32
}

func newClient(t testing.TB, nc net.Conn) *client {
	return &client{t: t, net: nc, in: bufio.NewReader(nc)}
}

func encodeRequest(correlation int32, req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, req, correlation)
}

func (c *client) send(reqs ...kmsg.Request) {
	c.t.Helper()
	var b []byte
	for _, req := range reqs {
		c.next++
		b = append(b, encodeRequest(c.next, req)...)
	}
	if _, err := c.net.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads the response with a correlation into resp.
func (c *client) receive(correlation int32, resp kmsg.Response) {
	c.t.Helper()
	var length [4]byte
	if _, err := io.ReadFull(c.in, length[:]); err != nil {
		c.t.Fatal(err)
	}
	f := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(c.in, f); err != nil {
		c.t.Fatal(err)
	}
	if got := int32(binary.BigEndian.Uint32(f)); got != correlation {
		c.t.Fatalf("the response has correlation %d, want %d", got, correlation)
	}
	f = f[4:]
	if resp.IsFlexible() && resp.Key() != 18 {
		f = f[1:]
	}
	if err := resp.ReadFrom(f); err != nil {
		c.t.Fatal(err)
	}
}

func batch(values ...string) []byte {
	var b log.Builder
	for _, v := range values {
		b.Append(nil, []byte(v), 1000, nil)
	}
	return bytes.Clone(b.Finish())
}

func produceRequest(acks int16, batches []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks = 9, acks
	t := kmsg.NewProduceRequestTopic()
	t.Topic = "ab"
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batches
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func fetchRequest(version int16, offset int64, change func(*kmsg.FetchRequest)) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MinBytes, req.MaxBytes = version, 1, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = "ab", topicAB.ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = offset, 1<<20
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	if change != nil {
		change(req)
	}
	return req
}

// TestPipeline sends appends and other requests without waiting. Those that can are begun at once, and all are answered
// in their order.
func TestPipeline(t *testing.T) {
	f := newFake(topicAB)
	f.held = make(chan struct{})
	_, nc := serveFake(t, f, nil)
	c := newClient(t, nc)
	list := kmsg.NewPtrListOffsetsRequest()
	list.Version = 5
	lt := kmsg.NewListOffsetsRequestTopic()
	lt.Topic = "ab"
	lp := kmsg.NewListOffsetsRequestTopicPartition()
	lp.Timestamp = latestOffset
	lt.Partitions = append(lt.Partitions, lp)
	list.Topics = append(list.Topics, lt)
	c.send(produceRequest(-1, batch("1")), produceRequest(0, batch("2")), produceRequest(1, batch("3")), list,
		produceRequest(-1, batch("4")))
	for { // the first three are begun, though none of them is acknowledged
		b, _ := f.Bounds(1)
		if b.Next == 3 {
			break
		}
	}
	close(f.held)
	for i, base := range map[int32]int64{1: 0} {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = 9
		c.receive(i, resp)
		if got := resp.Topics[0].Partitions[0].BaseOffset; got != base {
			t.Errorf("offset %d, want %d", got, base)
		}
	}
	third, listed, last := kmsg.NewPtrProduceResponse(), kmsg.NewPtrListOffsetsResponse(), kmsg.NewPtrProduceResponse()
	third.Version, listed.Version, last.Version = 9, 5, 9
	c.receive(3, third) // the second wants no answer
	c.receive(4, listed)
	c.receive(5, last)
	if got := listed.Topics[0].Partitions[0].Offset; got != 3 {
		t.Errorf("the end is %d, want 3: what comes later must not be in it", got)
	}
	if got := last.Topics[0].Partitions[0].BaseOffset; got != 3 {
		t.Errorf("the last offset is %d, want 3", got)
	}
}

// TestProduceRefusals wants the code for each kind of bad batch, and nothing of it stored.
func TestProduceRefusals(t *testing.T) {
	f := newFake(topicAB, Topic{Name: "view", Partitions: []PartitionID{9}, Writer: "the query of view"})
	_, nc := serveFake(t, f, func(c *Config) { c.MaxBatchBytes = 200 })
	c := newClient(t, nc)
	edit := func(at int, value byte) []byte {
		b := batch("x")
		b[at] = value
		return b
	}
	recode := func(attributes int16) []byte {
		var b log.Builder
		b.SetAttributes(attributes)
		b.Append(nil, []byte("x"), 1, nil)
		return bytes.Clone(b.Finish())
	}
	for name, x := range map[string]struct {
		change func(*kmsg.ProduceRequest)
		want   code.Code
	}{
		"old version":     {func(r *kmsg.ProduceRequest) { r.Version = 2 }, code.UnsupportedVersion},
		"acks":            {func(r *kmsg.ProduceRequest) { r.Acks = 2 }, code.InvalidRequiredAcks},
		"no topic":        {func(r *kmsg.ProduceRequest) { r.Topics[0].Topic = "x" }, code.UnknownTopicOrPartition},
		"no partition":    {func(r *kmsg.ProduceRequest) { r.Topics[0].Partitions[0].Partition = 2 }, code.UnknownTopicOrPartition},
		"topic of a view": {func(r *kmsg.ProduceRequest) { r.Topics[0].Topic = "view" }, code.PolicyViolation},
		"nothing":         {records(nil), code.InvalidRecord},
		"half a batch":    {records(batch("x")[:40]), code.CorruptMessage},
		"magic":           {records(edit(16, 1)), code.UnsupportedForMessageFormat},
		"CRC":             {records(edit(17, 1)), code.CorruptMessage},
		"control batch":   {records(recode(log.AttrControl)), code.InvalidRecord},
		"count":           {records(edit(60, 3)), code.CorruptMessage},
		"delta":           {records(edit(26, 3)), code.InvalidRecord},
		"codec":           {records(edit(22, 7)), code.UnsupportedCompressionType},
		"too large":       {records(batch(strings.Repeat("x", 200))), code.MessageTooLarge},
	} {
		req := produceRequest(-1, batch("x"))
		x.change(req)
		c.send(req)
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = req.Version
		c.receive(c.next, resp)
		if got := code.Code(resp.Topics[0].Partitions[0].ErrorCode); got != x.want {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
	if b, _ := f.Bounds(1); b.Next != 0 {
		t.Errorf("%d records are stored", b.Next)
	}
	c.send(produceRequest(0, edit(17, 1))) // without an answer, the end of the connection tells
	if _, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after an error with acks=0: %v", err)
	}
}

func records(b []byte) func(*kmsg.ProduceRequest) {
	return func(r *kmsg.ProduceRequest) { r.Topics[0].Partitions[0].Records = b }
}

// TestFetchVersions reads the same in every version, as kmsg reads it.
func TestFetchVersions(t *testing.T) {
	f := newFake(topicAB)
	f.aborted = []AbortedTxn{{Producer: 5, FirstOffset: 1}}
	_, nc := serveFake(t, f, nil)
	c := newClient(t, nc)
	small, large := batch("1", "2"), batch(strings.Repeat("3", 2*holeBytes))
	for _, b := range [][]byte{small, large, small} {
		if _, err := f.Produce(t.Context(), Produce{Partition: 1, Batches: b}); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := apiOf(1)
	for v := a.min; v <= a.max; v++ {
		for offset, want := range []int{2*len(small) + len(large), 2*len(small) + len(large), len(large) + len(small),
			len(small), len(small), 0} {
			c.send(fetchRequest(v, int64(offset), func(r *kmsg.FetchRequest) { r.IsolationLevel = readCommitted }))
			resp := kmsg.NewPtrFetchResponse()
			resp.Version = v
			c.receive(c.next, resp)
			p := resp.Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.HighWatermark != 5 || p.LastStableOffset != 5 || len(p.RecordBatches) != want ||
				(len(p.AbortedTransactions) == 1) != (want > 0) {
				t.Errorf("version %d from %d: error %d, %d bytes, want %d: %+v", v, offset, p.ErrorCode,
					len(p.RecordBatches), want, p)
			}
		}
	}
}

// TestFetchLimits wants the first batch whole, others within the limits, and nothing behind an open transaction.
func TestFetchLimits(t *testing.T) {
	f := newFake(topicAB)
	_, nc := serveFake(t, f, nil)
	c := newClient(t, nc)
	one := batch("1")
	for range 4 {
		if _, err := f.Produce(t.Context(), Produce{Partition: 1, Batches: one}); err != nil {
			t.Fatal(err)
		}
	}
	f.stable[1] = 2
	for name, x := range map[string]struct {
		change func(*kmsg.FetchRequest)
		want   int
		code   code.Code
	}{
		"first batch":      {func(r *kmsg.FetchRequest) { r.MaxBytes = 1 }, 1, code.None},
		"of the partition": {func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].PartitionMaxBytes = int32(2 * len(one)) }, 2, code.None},
		"of the request":   {func(r *kmsg.FetchRequest) { r.MaxBytes = int32(3*len(one) + 1) }, 3, code.None},
		"committed":        {func(r *kmsg.FetchRequest) { r.IsolationLevel = readCommitted }, 2, code.None},
		"behind the end":   {func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 5 }, 0, code.OffsetOutOfRange},
		"at the end":       {func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].FetchOffset = 4 }, 0, code.None},
		"old epoch":        {func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 2 }, 0, code.FencedLeaderEpoch},
		"new epoch":        {func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = 4 }, 0, code.UnknownLeaderEpoch},
		"no topic":         {func(r *kmsg.FetchRequest) { r.Topics[0].TopicID[0] = 1 }, 0, code.UnknownTopicID},
	} {
		c.send(fetchRequest(13, 0, x.change))
		resp := kmsg.NewPtrFetchResponse()
		resp.Version = 13
		c.receive(c.next, resp)
		p := resp.Topics[0].Partitions[0]
		if len(p.RecordBatches) != x.want*len(one) || code.Code(p.ErrorCode) != x.code {
			t.Errorf("%s: %d bytes, %v; want %d batches, %v", name, len(p.RecordBatches), code.Code(p.ErrorCode),
				x.want, x.code)
		}
	}
}

// TestFetchWaits gives the records to a fetch that waits for them, and ends the waiting of another with the server.
func TestFetchWaits(t *testing.T) {
	f := newFake(topicAB)
	s, nc := serveFake(t, f, nil)
	c := newClient(t, nc)
	wait := func(r *kmsg.FetchRequest) { r.MaxWaitMillis, r.MinBytes = 1<<30, 70 }
	c.send(fetchRequest(12, 0, wait))
	for range 2 { // 69 bytes are not enough
		if _, err := f.Produce(t.Context(), Produce{Partition: 1, Batches: batch("1")}); err != nil {
			t.Fatal(err)
		}
	}
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = 12
	c.receive(1, resp)
	if got := len(resp.Topics[0].Partitions[0].RecordBatches); got != 2*len(batch("1")) {
		t.Errorf("%d bytes", got)
	}
	c.send(fetchRequest(12, 2, wait))
	for !waiting(f) {
	}
	began := time.Now()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	c.receive(2, resp)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func waiting(f *fake) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.watches) > 0
}

// TestEveryAPI says an empty request to each API in each version, and wants an answer that kmsg can read.
func TestEveryAPI(t *testing.T) {
	for _, a := range apis {
		_, nc := serveFake(t, newFake(topicAB), nil)
		c := newClient(t, nc)
		for v := a.min; v <= a.max; v++ {
			req := kmsg.RequestForKey(int16(a.key))
			req.SetVersion(v)
			c.send(req)
			if p, ok := req.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
				continue
			}
			resp := req.ResponseKind()
			c.receive(c.next, resp)
		}
	}
}

func FuzzRequests(f *testing.F) {
	for _, a := range apis {
		for _, v := range []int16{a.min, a.max} {
			req := kmsg.RequestForKey(int16(a.key))
			req.SetVersion(v)
			f.Add(encodeRequest(1, req)[4:])
		}
	}
	f.Add(encodeRequest(1, produceRequest(-1, batch("1", "2")))[4:])
	f.Add(encodeRequest(1, fetchRequest(12, 0, nil))[4:])
	fk := newFake(topicAB)
	cfg := fk.config()
	s, err := Listen(cfg)
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close(context.Background())
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < 8 {
			return
		}
		k, err := parseCall(bytes.Clone(frame))
		if err != nil {
			return
		}
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		c := newConn(s, here)
		defer c.stop()
		c.hangUp() // nothing waits
		if resp := c.handle(k); resp != nil {
			c.out = appendResponse(c.out[:0], k.header.correlation, resp)
		}
	})
}
