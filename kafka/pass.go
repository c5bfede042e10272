package kafka

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatdb/leat/kafka/code"
)

// A server at a node that does not lead the cluster answers itself what is about partitions and the nodes, and passes
// all else on to the leader's server: the frame as it has come, over a connection of the client's own there, which the
// first such request opens. What comes back goes to the client as it is, in its turn. The connections come out of the
// leader's Config.Vouched: who the client is, its own node has found out.

const (
	// leaderPatience is how long a request waits for a leader that its API has an error for, and heldPatience any other.
	leaderPatience = 2 * time.Second
	heldPatience   = 5 * time.Second
	// leaderPause is how long it is waited between two attempts to find one.
	leaderPause = 20 * time.Millisecond
)

// errUnled means that a request could not be passed on, or that its answer did not come.
var errUnled = errors.New("kafka: nobody leads")

// A Client is a client as one node tells another of it.
type Client struct {
	// User is who it is.
	User string
	// Remote is where it is.
	Remote net.Addr
	// Secure says that it speaks TLS to its node.
	Secure bool
}

// Vouched is a connection of a client that another node has let in.
type Vouched interface {
	net.Conn
	// Client says who it is.
	Client() Client
}

// near are the APIs of which every node has its own answer.
var near = map[kmsg.Key]bool{
	kmsg.ApiVersions: true, kmsg.SASLHandshake: true, kmsg.SASLAuthenticate: true,
	kmsg.Metadata: true, kmsg.DescribeTopicPartitions: true, kmsg.DescribeCluster: true, kmsg.FindCoordinator: true,
	kmsg.Produce: true, kmsg.Fetch: true, kmsg.ListOffsets: true, kmsg.OffsetForLeaderEpoch: true,
	kmsg.DescribeProducers: true, kmsg.DescribeLogDirs: true,
	kmsg.ListGroups: true, kmsg.ListTransactions: true, // those that it coordinates
}

// creates reports whether the server makes topics that clients ask for.
func (s *Server) creates() bool { return s.cfg.AutoCreate && s.cfg.Pass == nil }

// passes reports whether a request is for the leader to answer.
func (c *conn) passes(call *call) bool {
	if c.srv.cfg.Pass == nil {
		return false
	}
	switch req := call.req.(type) {
	case *kmsg.MetadataRequest: // the leader may know a topic that has just been made, or make it
		for _, t := range req.Topics {
			if c.missing(&t) {
				return true
			}
		}
	case *kmsg.DescribeConfigsRequest:
		for _, r := range req.Resources {
			if r.ResourceType == kmsg.ConfigResourceTypeBroker {
				return false
			}
		}
	}
	return !near[call.api.key]
}

// learn asks the leader what topics there are, when a request names a partition that is not known here: the client may
// have made it, or heard of it, at another node. While nobody can say, it stays unknown.
func (c *conn) learn(r kmsg.Request) {
	if c.srv.cfg.Learn == nil || !c.unknown(r) {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, leaderPatience)
	defer cancel()
	if err := c.srv.cfg.Learn(ctx); err != nil {
		c.srv.cfg.Logger.Debug("what topics there are was not learned", "error", err)
	}
}

// unknown reports whether a request about partitions, or topics, names one that is not known here.
func (c *conn) unknown(r kmsg.Request) bool {
	topics := c.srv.cfg.Topics
	named := func(name string) Topic { t, _ := topics.Topic(name); return t }
	either := func(name string, id [16]byte) Topic {
		if name != "" {
			return named(name)
		}
		t, _ := topics.TopicByID(id)
		return t
	}
	switch req := r.(type) {
	case *kmsg.ProduceRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.ProduceRequestTopic) bool {
			return lacks(either(t.Topic, t.TopicID), t.Partitions,
				func(p *kmsg.ProduceRequestTopicPartition) int32 { return p.Partition })
		})
	case *kmsg.FetchRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.FetchRequestTopic) bool {
			return lacks(either(t.Topic, t.TopicID), t.Partitions,
				func(p *kmsg.FetchRequestTopicPartition) int32 { return p.Partition })
		})
	case *kmsg.ListOffsetsRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.ListOffsetsRequestTopic) bool {
			return lacks(named(t.Topic), t.Partitions,
				func(p *kmsg.ListOffsetsRequestTopicPartition) int32 { return p.Partition })
		})
	case *kmsg.OffsetForLeaderEpochRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.OffsetForLeaderEpochRequestTopic) bool {
			return lacks(named(t.Topic), t.Partitions,
				func(p *kmsg.OffsetForLeaderEpochRequestTopicPartition) int32 { return p.Partition })
		})
	case *kmsg.DescribeProducersRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.DescribeProducersRequestTopic) bool {
			return lacks(named(t.Topic), t.Partitions, func(p *int32) int32 { return *p })
		})
	case *kmsg.DescribeTopicPartitionsRequest:
		return slices.ContainsFunc(req.Topics, func(t kmsg.DescribeTopicPartitionsRequestTopic) bool {
			return len(named(t.Topic).Partitions) == 0
		})
	}
	return false
}

// lacks reports whether a topic has not all of some partitions.
func lacks[P any](t Topic, asked []P, number func(*P) int32) bool {
	for i := range asked {
		if int(number(&asked[i])) >= len(t.Partitions) {
			return true
		}
	}
	return false
}

// missing reports whether the client asks for a topic that is not there.
func (c *conn) missing(asked *kmsg.MetadataRequestTopic) bool {
	if asked.Topic == nil {
		_, wrong := c.topicOf(kmsg.ACLOperationDescribe, "", asked.TopicID, true)
		return wrong == code.UnknownTopicID
	}
	_, wrong := c.topicNamed(kmsg.ACLOperationDescribe, *asked.Topic)
	return wrong == code.UnknownTopicOrPartition && validTopicName(*asked.Topic)
}

// passOn lets the leader answer a request. While nobody leads, the client is told so where the API has an error for it;
// else its connection ends, in the end.
func (c *conn) passOn(call *call) response {
	refused := unled(call.req)
	_, described := call.req.(*kmsg.MetadataRequest)
	patience := heldPatience
	if refused != nil || described {
		patience = leaderPatience
	}
	answer, err := c.pass(call, patience)
	switch {
	case err == nil:
		return answer
	case described:
		return undecided(call.api.handle(c, c.ctx, call.req).(*kmsg.MetadataResponse))
	case refused == nil:
		c.srv.cfg.Logger.Debug("a request was not passed on", "api", call.api.key.Name(), "error", err)
		c.cut()
	}
	return refused
}

// undecided leaves it open whether topics are there that only the leader could know.
func undecided(resp *kmsg.MetadataResponse) response {
	for i := range resp.Topics {
		switch t := &resp.Topics[i]; code.Code(t.ErrorCode) {
		case code.UnknownTopicOrPartition, code.UnknownTopicID:
			t.ErrorCode = int16(code.LeaderNotAvailable)
		}
	}
	return resp
}

// pass sends a request to the leader and waits for the answer.
func (c *conn) pass(call *call, patience time.Duration) (response, error) {
	ctx, cancel := context.WithTimeout(c.live, patience)
	defer cancel()
	for !c.way.open() {
		c.way.close()
		var err error
		if c.way, err = c.openWay(ctx); err == nil {
			break
		}
		select {
		case <-time.After(leaderPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errUnled, err)
		}
	}
	answer, err := c.way.ask(c.ctx, call.frame)
	if err == nil && int32(binary.BigEndian.Uint32(answer)) != call.header.correlation {
		err = fmt.Errorf("%w: the answer is to another request", errUnled)
	}
	if err != nil {
		c.way.close()
		return nil, err
	}
	return passedResponse(answer), nil
}

// openWay opens a way to the leader.
func (c *conn) openWay(ctx context.Context) (*way, error) {
	nc, err := c.srv.cfg.Pass(ctx, Client{User: c.user, Remote: c.net.RemoteAddr(), Secure: c.secure})
	if err != nil {
		return nil, err
	}
	w := &way{net: nc, answers: make(chan []byte, 1)}
	// A client that has hung up may still wait for answers, but not for long. The same goes for a server that closes.
	w.release = context.AfterFunc(c.live, func() { _ = nc.SetDeadline(time.Now().Add(c.srv.cfg.Grace)) })
	go w.read()
	return w, nil
}

// A way is a client's connection to the leader's server. It is nil before there is one.
type way struct {
	net     net.Conn
	answers chan []byte // it is closed when there will be none any more
	release func() bool
}

// open reports whether requests can be sent.
func (w *way) open() bool {
	if w == nil {
		return false
	}
	select {
	case <-w.answers: // nobody has asked: it has ended
		return false
	default:
		return true
	}
}

func (w *way) close() {
	if w != nil {
		w.release()
		w.net.Close()
	}
}

// read reads answers until the connection ends.
func (w *way) read() {
	defer close(w.answers)
	in := bufio.NewReader(w.net)
	for {
		var length [4]byte
		if _, err := io.ReadFull(in, length[:]); err != nil {
			return
		}
		n := int32(binary.BigEndian.Uint32(length[:]))
		if n < 4 {
			return
		}
		answer := make([]byte, n)
		if _, err := io.ReadFull(in, answer); err != nil {
			return
		}
		select {
		case w.answers <- answer:
		default: // nobody has asked: the next is asked for when this one has been taken
			return
		}
	}
}

// ask sends a request's frame and waits for the answer's.
func (w *way) ask(ctx context.Context, frame []byte) ([]byte, error) {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(frame)))
	pieces := net.Buffers{length, frame}
	if err := w.net.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return nil, err
	}
	if _, err := pieces.WriteTo(w.net); err != nil {
		return nil, err
	}
	select {
	case answer, ok := <-w.answers:
		if !ok {
			return nil, fmt.Errorf("%w: it has ended before it answered", errUnled)
		}
		return answer, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// passedResponse is an answer of the leader, without its length.
type passedResponse []byte

// Key implements response.
func (r passedResponse) Key() int16 { return -1 }

// IsFlexible implements response: what flexible headers have besides is there.
func (r passedResponse) IsFlexible() bool { return false }

// AppendTo implements response.
func (r passedResponse) AppendTo(b []byte) []byte { return append(b, r[4:]...) }
