package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// What views were at a time is what they were after the last step that is not later. A view's topic does not say when
// its records were written, since their timestamps are event times, and step records are forgotten with the next
// checkpoint. So each step that puts something out leaves a mark beside it, in the same entry of the log, with the time
// of the step: how far the partitions went that it changed.
//
//	flags (1, bit 0: all partitions) | number of the partition, end (uvarints) …
//
// A view is in the marks from when it has caught up: before that, nobody sees it. Every so many marks, and in the first
// of a server, stand all partitions, so that reading back ends.

const (
	marksTopic = "__leat_marks"
	// marksKept is how long marks are kept, and marksBytes how much of them.
	marksKept  = 30 * 24 * time.Hour
	marksBytes = 256 << 20
	// marksApart is how many marks there are from one with all partitions to the next.
	marksApart = 256
	markWhole  = 1 // flag
)

// marker writes marks.
type marker struct {
	part    cluster.PartitionID
	written int // since the server was started
}

// shown is how far the partitions of a relation go that is shown after the step; nil for one that is not, or that the
// flow does not follow.
func (s *source) shown() []cursor {
	switch {
	case s.hidden:
		return nil
	case s.view != nil && (s.view.paused || !s.view.catching()):
		return s.parts
	case s.view == nil && s.live != nil:
		return s.live.parts
	}
	return nil
}

// unmarked reports whether a view has caught up since the last mark.
func (f *flow) unmarked() bool {
	for _, s := range f.sources {
		if s.marked == nil && s.view != nil && s.shown() != nil {
			return true
		}
	}
	return false
}

// mark returns the batch with the mark of a step; nil where it changed nothing.
func (f *flow) mark() []byte {
	whole := f.marker.written%marksApart == 0
	var list []stretch
	for _, s := range f.sources {
		parts := s.shown()
		if parts != nil && len(s.marked) != len(parts) {
			s.marked = make([]int64, len(parts))
			for i := range s.marked {
				s.marked[i] = -1
			}
		}
		for i := range s.marked {
			was := s.marked[i]
			if parts != nil {
				s.marked[i] = parts[i].next
			}
			if whole || s.marked[i] != was {
				list = append(list, stretch{part: s.parts[i].id, to: s.marked[i]})
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b stretch) int { // a topic may be that of several relations
		return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.to, b.to))
	})
	body := []byte{0}
	if whole {
		body[0] = markWhole
	}
	for _, m := range list {
		body = binary.AppendUvarint(binary.AppendUvarint(body, uint64(m.part)), uint64(m.to))
	}
	f.marker.written++
	var b log.Builder
	b.Append(nil, body, floorDiv(f.now, 1000), nil)
	return b.Finish()
}

// errEnough ends the reading of marks.
var errEnough = errors.New("enough")

// markAt returns how far partitions went after the last step that is not later than a time. last tells that no step
// came after that.
func (e *Engine) markAt(at time.Time) (ends map[cluster.PartitionID]int64, last bool, err error) {
	t, ok := e.node.Topic(marksTopic)
	if !ok {
		return nil, false, nil
	}
	id := t.IDs[0]
	later, ok, err := e.node.FindTime(id, at.UnixMilli()+1)
	if err != nil || !ok {
		return nil, true, err
	}
	first, _, err := e.node.Bounds(id)
	if err != nil {
		return nil, false, err
	}
	for back := int64(2 * marksApart); ; back *= 2 {
		from := max(first, later.Offset-back)
		whole := false
		ends = map[cluster.PartitionID]int64{}
		err := eachRecord(e.node, id, from, func(rec *log.Record) error {
			if rec.Offset >= later.Offset {
				return errEnough
			}
			if rec.Value[0]&markWhole != 0 {
				whole = true
				clear(ends)
			}
			for body := rec.Value[1:]; len(body) > 0; {
				part, n := binary.Uvarint(body)
				to, m := binary.Uvarint(body[max(n, 0):])
				if n <= 0 || m <= 0 {
					return sqlerr.New(sqlerr.DataCorrupted, "a mark cannot be read")
				}
				body = body[n+m:]
				ends[cluster.PartitionID(part)] = int64(to)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, false, err
		}
		if whole || from == first {
			return ends, false, nil
		}
	}
}

// tokenOfMark is a token of relations, of which one at least is made by a query, after the last step that is not later
// than a time; last tells that this is what they are now.
func (e *Engine) tokenOfMark(ctx context.Context, rels []*catalog.Relation, at time.Time) (token Token, last bool,
	err error) {
	ends, last, err := e.markAt(at)
	if err != nil || last {
		return Token{}, last, translate(err)
	}
	now, err := e.endsOfAll(ctx, e.partitionsOf(rels))
	if err != nil {
		return Token{}, false, translate(err)
	}
	var list []stretch
	for _, rel := range rels {
		if !rel.Stored() {
			continue
		}
		t, _ := e.node.Topic(rel.Topic)
		for _, id := range t.IDs {
			to, ok := ends[id]
			if !ok && rel.Kind == catalog.Stream && rel.Query == "" { // nobody reads it but this query
				if to, err = e.endAt(id, at, now); err != nil {
					return Token{}, false, err
				}
			} else if !ok {
				return Token{}, false, sqlerr.New(sqlerr.SnapshotTooOld,
					"what relation %q was at that time is not known", rel.Name).
					WithHint("It was made later, or it is longer ago than marks of the steps are kept.")
			}
			list = append(list, stretch{part: id, to: to})
		}
	}
	return newToken(list), false, nil
}

// endAt is where a partition ended at the first record that is later than a time; now is where they all end.
func (e *Engine) endAt(id cluster.PartitionID, at time.Time, now map[cluster.PartitionID]int64) (int64, error) {
	found, ok, err := e.node.FindTime(id, at.UnixMilli()+1)
	if err != nil || ok {
		return found.Offset, translate(err)
	}
	return now[id], nil
}

// partitionsOf are the partitions of what is stored of relations.
func (e *Engine) partitionsOf(rels []*catalog.Relation) (ids []cluster.PartitionID) {
	for _, rel := range rels {
		if t, ok := e.node.Topic(rel.Topic); ok && rel.Stored() {
			ids = append(ids, t.IDs...)
		}
	}
	return ids
}
