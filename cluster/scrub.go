package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/leatdb/leat/log"
)

// scrubTimeout bounds getting a segment's bytes from another node.
const scrubTimeout = time.Minute

// A scrubRequest asks for the bytes of a partition between two offsets.
type scrubRequest struct {
	Partition PartitionID `json:"partition"`
	From      int64       `json:"from"`
	To        int64       `json:"to"`
}

// scrub looks for damage in the partitions' files every Config.ScrubEvery, and repairs it with what other nodes have.
func (n *Node) scrub(ctx context.Context) {
	defer n.done.Done()
	tick := time.NewTicker(n.cfg.ScrubEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			n.scrubAll(ctx)
		case <-n.stop:
			return
		}
	}
}

// repairAgain is how long readers who find damage in a partition are content with what the last repair came to.
const repairAgain = 10 * time.Second

// A repair is what one for a reader has come to.
type repair struct {
	at    time.Time
	whole bool // nothing is damaged any more, as far as Verify looks
}

// repair repairs a partition in which a reader has found damage, and reports whether there is hope. Readers who come
// together, and come again, have it repaired once: it reads the whole partition.
func (n *Node) repair(id PartitionID, l *log.Partition) bool {
	if n.alone() {
		return false
	}
	n.repairing.Lock()
	defer n.repairing.Unlock()
	if last, ok := n.repairs[id]; ok && time.Since(last.at) < repairAgain {
		return last.whole
	}
	damaged, err := l.Verify(n.stop)
	ctx, cancel := context.WithTimeout(context.Background(), scrubTimeout)
	defer cancel()
	whole := n.mendAll(ctx, l, id, damaged) == len(damaged) && err == nil
	n.repairs[id] = repair{time.Now(), whole}
	return whole
}

// mendFound repairs a partition in which somebody has found damage who does not wait for it, but comes again.
func (n *Node) mendFound(s *shard, id PartitionID) {
	p, err := s.partition(id)
	if err != nil {
		return
	}
	if l, err := p.open(); err == nil {
		n.repair(id, l)
	}
}

// scrubAll checks every partition, and returns how many segments were damaged and how many of them were repaired.
func (n *Node) scrubAll(ctx context.Context) (damaged, repaired int) {
	for _, s := range n.shards {
		for _, id := range s.ids() {
			p, err := s.partition(id)
			if err != nil {
				continue
			}
			l, err := p.open()
			if err != nil {
				continue // it is closing, or says so itself
			}
			found, err := l.Verify(n.stop)
			damaged += len(found)
			repaired += n.mendAll(ctx, l, id, found)
			if errors.Is(err, log.ErrStopped) || ctx.Err() != nil {
				return damaged, repaired
			}
		}
	}
	return damaged, repaired
}

// mendAll repairs the damaged segments of a partition, and returns how many of them. A reader may have them repaired at
// the same time: the bytes are the same.
func (n *Node) mendAll(ctx context.Context, l *log.Partition, id PartitionID, damaged []log.Damaged) (repaired int) {
	for _, d := range damaged {
		if err := n.mend(ctx, l, id, d); err != nil {
			n.cfg.Logger.Error("a segment is damaged", "partition", uint64(id), "damage", d.Cause, "not repaired", err)
			continue
		}
		repaired++
		n.cfg.Logger.Warn("a damaged segment was repaired", "partition", uint64(id), "damage", d.Cause)
	}
	return repaired
}

// mend repairs a segment with another node's bytes.
func (n *Node) mend(ctx context.Context, l *log.Partition, id PartitionID, d log.Damaged) error {
	if n.alone() {
		return errNoPeer
	}
	errs := []error{errors.New("no other node has it")}
	for _, m := range n.Members() {
		if m.ID == n.Self() {
			continue
		}
		good, err := n.fetchSegment(ctx, m.ID, scrubRequest{id, d.From, d.To}, d.SizeBytes)
		if err == nil {
			err = l.Mend(d, good)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("node %d: %w", m.ID, err))
	}
	return errors.Join(errs...)
}

// fetchSegment asks another node for bytes of a partition.
func (n *Node) fetchSegment(ctx context.Context, node uint64, r scrubRequest, size int64) ([]byte, error) {
	header, err := json.Marshal(&r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, scrubTimeout)
	defer cancel()
	s, err := n.mesh.Open(ctx, node, streamSegment, header)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	return io.ReadAll(io.LimitReader(s, size+1))
}

// serveSegment gives another node the bytes it asks for: whole batches, which reading checks, and Mend once more.
func (n *Node) serveSegment(from uint64, header []byte, s net.Conn) {
	var r scrubRequest
	if json.Unmarshal(header, &r) != nil {
		return
	}
	if err := n.sendSegment(r, s); err != nil {
		n.cfg.Logger.Debug("a segment was not sent", "to", from, "error", err)
	}
}

func (n *Node) sendSegment(r scrubRequest, s net.Conn) error {
	l, err := n.log(r.Partition)
	if err != nil {
		return err
	}
	start, next := l.Bounds()
	if r.From < start || r.To > next { // some of it is gone here, or not there yet
		return log.ErrOffsetOutOfRange
	}
	var buf []byte
	for at := r.From; at < r.To; {
		if buf, err = l.Read(at, 1<<20, buf[:0]); err != nil || len(buf) == 0 {
			return err
		}
		for rest := buf; len(rest) > 0; {
			h, one, tail, err := log.NextBatch(rest)
			if err != nil {
				return err
			}
			if h.BaseOffset >= r.To {
				return nil
			}
			if _, err := s.Write(one); err != nil {
				return err
			}
			at, rest = h.LastOffset()+1, tail
		}
	}
	return nil
}
