package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
	"github.com/leatdb/leat/log"
)

// Fetch, versions 4 to 18.
//
// It waits until there are MinBytes, for MaxWaitMillis at most. The first batch comes whole even when it is larger than
// the limits (KIP-74), others do not exceed them. Batches are sent as they are stored: one may begin before the
// offset that was asked for. A reader of committed records gets those before the last stable offset, and a list of the
// aborted transactions among them.
//
// Version 7 brings sessions (KIP-227). A client that wants one is given number 0, which means that there is none, and
// goes on with whole requests. Version 12 is flexible, 13 names topics by ID; what later ones add is for replicas, but
// that 16 says where the leaders are of partitions that are NOT_LEADER_OR_FOLLOWER (KIP-951), as they are when another
// node leads them, or begins to while the request waits.

// readCommitted is the isolation level of a reader that wants no records of open or aborted transactions.
const readCommitted = 1

// A fetchPart is what is read of one partition for a request.
type fetchPart struct {
	in     *kmsg.FetchRequestTopicPartition
	id     PartitionID
	code   code.Code
	bounds Bounds
	next   int64     // the offset to go on reading at
	data   []byte    // what has been read
	file   FileRange // or where it is; nil when it is in data
	// aborted are the transactions in data whose records are to be skipped.
	aborted []AbortedTxn
	leader  currentLeader // of a partition that was asked for at the wrong node
}

// A fetchTopic is a topic of a request.
type fetchTopic struct {
	name  string
	id    [16]byte
	parts []fetchPart
}

// A fetch is a request being answered.
type fetch struct {
	conn   *conn
	req    *kmsg.FetchRequest
	topics []fetchTopic
	total  int      // bytes read
	failed bool     // a partition has an error
	named  []broker // that the response is to name
}

func (c *conn) fetch(ctx context.Context, req *kmsg.FetchRequest) response {
	if req.SessionID != 0 {
		return &fetchResponse{version: req.Version, code: code.FetchSessionIDNotFound}
	}
	f := &fetch{conn: c, req: req, topics: make([]fetchTopic, len(req.Topics))}
	for i := range req.Topics {
		f.resolve(&req.Topics[i], &f.topics[i])
	}
	f.read()
	if f.total < int(req.MinBytes) && !f.failed && req.MaxWaitMillis > 0 {
		f.wait(ctx)
	}
	if req.IsolationLevel == readCommitted {
		f.listAborted()
	}
	f.findLeaders()
	return &fetchResponse{version: req.Version, topics: f.topics, named: f.named}
}

// findLeaders finds who leads the partitions that this node does not.
func (f *fetch) findLeaders() {
	for i := range f.topics {
		for j := range f.topics[i].parts {
			p := &f.topics[i].parts[j]
			p.leader = nobody
			if f.failed && f.req.Version >= 12 {
				p.leader = f.conn.lead(p.id, p.code, &f.named)
			}
		}
	}
}

// resolve finds the partitions of a topic.
func (f *fetch) resolve(rt *kmsg.FetchRequestTopic, ft *fetchTopic) {
	ft.name, ft.id = rt.Topic, rt.TopicID
	t, missing := f.conn.topicOf(kmsg.ACLOperationRead, rt.Topic, rt.TopicID, f.req.Version >= 13)
	ft.parts = make([]fetchPart, len(rt.Partitions))
	for i := range rt.Partitions {
		p := &ft.parts[i]
		p.in = &rt.Partitions[i]
		p.next = p.in.FetchOffset
		switch {
		case missing != code.None:
			p.code = missing
		case p.in.Partition < 0 || int(p.in.Partition) >= len(t.Partitions):
			p.code = code.UnknownTopicOrPartition
		default:
			p.id = t.Partitions[p.in.Partition]
		}
		f.failed = f.failed || p.code != code.None
	}
}

// restAfterOthers is how long a fetch rests that was woken because others have got something. Many that wait would
// take the processor from those that write.
const restAfterOthers = 500 * time.Microsecond

// wait waits for more until there is enough, or the time is up.
func (f *fetch) wait(ctx context.Context) {
	grew, stop := f.conn.srv.cfg.Watcher.Watch()
	defer stop()
	timer := time.NewTimer(time.Duration(f.req.MaxWaitMillis) * time.Millisecond)
	defer timer.Stop()
	for woken := false; ; woken = true {
		total := f.total
		f.read() // for the first time after the watch began: what came just before is seen here
		if f.total >= int(f.req.MinBytes) || f.failed {
			return
		}
		next := grew
		var rest <-chan time.Time
		if woken && f.total == total {
			next, rest = nil, time.After(restAfterOthers)
		}
		select {
		case <-next:
		case <-rest:
		case <-timer.C:
			return
		case <-f.conn.live.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// read reads what there is, behind what has been read.
func (f *fetch) read() {
	for i := range f.topics {
		for j := range f.topics[i].parts {
			p := &f.topics[i].parts[j]
			if p.code == code.None {
				p.code = f.readPart(p)
				f.failed = f.failed || p.code != code.None
			}
		}
	}
}

// readPart reads more of a partition, within the limits of the request.
func (f *fetch) readPart(p *fetchPart) code.Code {
	records := f.conn.srv.cfg.Records
	if !f.conn.srv.serves(p.id) {
		if p.data != nil || p.file != nil {
			return code.None // what has been read is good
		}
		return code.NotLeaderOrFollower
	}
	if known := p.in.CurrentLeaderEpoch; known >= 0 {
		if _, wrong := f.conn.checkEpoch(p.id, known); wrong != code.None {
			return wrong
		}
	}
	var err error
	if p.bounds, err = records.Bounds(p.id); err != nil {
		return codeOf(err)
	}
	if p.next < p.bounds.Start || p.next > p.bounds.Next {
		if len(p.data) > 0 {
			return code.None // what came behind it is gone; what has been read is good
		}
		return code.OffsetOutOfRange
	}
	end := p.bounds.Next
	if f.req.IsolationLevel == readCommitted {
		end = p.bounds.Stable
	}
	limit := min(int(p.in.PartitionMaxBytes)-len(p.data), int(f.req.MaxBytes)-f.total)
	if p.next >= end || limit <= 0 && f.total > 0 || p.file != nil {
		return code.None
	}
	if f.conn.plain && len(p.data) == 0 && end-p.next >= manyRecords {
		if done, wrong := f.findFile(p, end, limit); done {
			return wrong
		}
	}
	had := len(p.data)
	if p.data == nil {
		p.data = (*buffers.Get().(*[]byte))[:0]
	}
	if p.data, err = records.Read(p.id, p.next, max(limit, 0), p.data); err != nil {
		return codeOf(err)
	}
	kept := p.keep(p.data[had:], end, limit, f.total == 0)
	p.data = p.data[:had+kept]
	f.total += kept
	return code.None
}

// manyRecords is how many records there must be for it to be worth while to open a file.
const manyRecords = 1000

// findFile finds the file where the batches are, to send them without reading. It is not done when that cannot be.
func (f *fetch) findFile(p *fetchPart, end int64, limit int) (done bool, wrong code.Code) {
	cut := int64(-1)
	if end < p.bounds.Next {
		cut = end
	}
	file, err := f.conn.srv.cfg.Records.File(p.id, p.next, cut, max(limit, 0))
	switch {
	case err != nil:
		return true, codeOf(err)
	case file == nil:
		return false, code.None
	case file.Size() > int64(limit) && f.total > 0:
		return true, codeOf(file.Close())
	}
	p.file, p.next = file, end
	f.total += int(file.Size())
	return true, code.None
}

// buffers are what records are read into.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// listAborted finds the aborted transactions in what has been read.
func (f *fetch) listAborted() {
	for i := range f.topics {
		for j := range f.topics[i].parts {
			p := &f.topics[i].parts[j]
			if len(p.data) == 0 && p.file == nil {
				continue
			}
			var err error
			if p.aborted, err = f.conn.srv.cfg.Views.Aborted(p.id, p.in.FetchOffset, p.next); err != nil {
				p.code, p.data = codeOf(err), p.data[:0]
			}
		}
	}
}

// keep says how many bytes of whole batches may be sent: those that end before an offset and within the limit, of
// which the first is excepted when nothing else is sent. It moves p.next behind them.
func (p *fetchPart) keep(batches []byte, end int64, limit int, first bool) (kept int) {
	for rest := batches; len(rest) > 0; {
		h, batch, tail, err := log.NextBatch(rest)
		if err != nil || h.BaseOffset >= end || kept+len(batch) > limit && !(first && kept == 0) {
			break
		}
		kept += len(batch)
		p.next = h.LastOffset() + 1
		rest = tail
	}
	return kept
}
