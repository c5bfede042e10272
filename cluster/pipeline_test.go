package cluster

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestPipelineGoesOn sends requests whose answers nobody takes, as raft does when an answer before them said no: they
// are sent all the same, and the answers are there in order.
func TestPipelineGoesOn(t *testing.T) {
	var ends [2]*raft.NetworkTransport
	for i := range ends {
		end, err := raft.NewTCPTransport("127.0.0.1:0", nil, 2, 10*time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer end.Close()
		ends[i] = end
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case m := <-ends[1].Consumer():
				m.Respond(&raft.AppendEntriesResponse{LastLog: m.Command.(*raft.AppendEntriesRequest).PrevLogEntry}, nil)
			case <-done:
				return
			}
		}
	}()
	w := &wire{NetworkTransport: ends[0]}
	p, err := w.AppendEntriesPipeline("other", ends[1].LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const requests = 10
	sent := make(chan error)
	go func() {
		for i := range uint64(requests) {
			if _, err := p.AppendEntries(&raft.AppendEntriesRequest{PrevLogEntry: i}, &raft.AppendEntriesResponse{}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a request waits for somebody who takes the answer to another one")
	}
	for i := range uint64(requests) {
		f := <-p.Consumer()
		if err := f.Error(); err != nil || f.Response().LastLog != i {
			t.Fatalf("answer %d is %+v, %v", i, f.Response(), err)
		}
	}
}
