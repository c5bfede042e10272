package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
)

// trimSteps forgets the step records below the oldest checkpoint that somebody may go on from, and lets retention take
// what was read before it.
func (f *flow) trimSteps() {
	if f.following.on.Load() {
		return
	}
	meta, err := f.neededMeta()
	if err != nil || meta.Steps == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := f.node.Trim(ctx, f.steps, meta.Steps); err != nil {
		if !errors.Is(err, cluster.ErrNotLeader) { // else the one that does will
			f.log.Warn("cannot trim the steps topic", "error", err)
		}
		return // whoever goes on with an older checkpoint needs what it reads
	}
	holds := map[cluster.PartitionID]int64{}
	for id, s := range f.sources {
		for part, offset := range f.holds(s, meta.Live[id], meta) {
			if at, ok := holds[s.parts[part].id]; !ok || offset < at { // several relations may be over one topic
				holds[s.parts[part].id] = offset
			}
		}
	}
	f.left = slices.DeleteFunc(f.left, func(l leftAt) bool { return l.step < meta.Steps })
	for _, l := range f.left {
		if at, ok := holds[l.part]; ok {
			holds[l.part] = min(at, l.offset)
		}
	}
	for id, offset := range holds {
		f.node.Hold(id, offset)
	}
}

// leftAt is an offset from which somebody reads a partition by himself since a step, or will when he goes on. He had
// the records as they were made before, so that checkpoints from before the step do not ask for any.
type leftAt struct {
	part   cluster.PartitionID
	offset int64
	step   int64 // its record is here or later
}

// leaveAt holds what is left to be read from some positions on, until a checkpoint says so.
func (f *flow) leaveAt(parts []cursor) {
	for _, c := range parts {
		f.left = append(f.left, leftAt{c.id, c.next, f.stepsFrom})
		f.node.Hold(c.id, 0)
	}
}

// holds says how far retention may trim the partitions of a source: up to where its slowest reader was at the
// checkpoint, and up to the end where nobody reads. What the checkpoint does not know is held from the beginning.
func (f *flow) holds(s *source, live []position, meta checkpointMeta) []int64 {
	offsets := make([]int64, len(s.parts))
	if s.live != nil && live == nil || slices.ContainsFunc(f.views, func(v *view) bool {
		return slices.ContainsFunc(v.inputs, func(in *input) bool { return in.src == s }) &&
			!slices.Contains(meta.Views, v.id)
	}) {
		return offsets
	}
	for part := range s.parts {
		offsets[part] = math.MaxInt64
		if part < len(live) {
			offsets[part] = live[part].Next
		}
		for _, at := range meta.Stopped {
			if ps := at[s.rel.ID]; part < len(ps) {
				offsets[part] = min(offsets[part], ps[part])
			}
		}
		for _, own := range meta.Own {
			if ps := own[s.rel.ID]; part < len(ps) {
				offsets[part] = min(offsets[part], ps[part].Next)
			}
		}
	}
	return offsets
}
