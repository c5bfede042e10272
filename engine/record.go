package engine

import (
	"encoding/json"
	"fmt"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
)

// stepRecord is what the steps topic keeps of a committed step: enough to compute it again. A record may cover several
// steps (Subs): those before the last put nothing out, so they were not worth an entry of their own.
//
// A step whose output is too large for one entry is committed in parts; the first carries Subs, the others only say
// that they follow, and the step counts when all are there.
type stepRecord struct {
	Part  int       `json:"part,omitempty"`
	Parts int       `json:"parts"`
	Subs  []substep `json:"subs,omitempty"`
	// Catalog is the version of the catalog that the steps were computed with; who follows needs one as new.
	Catalog uint64 `json:"catalog,omitempty"`
	// Ends is where streams ended that nothing reads, as far as that is not what records before say.
	Ends map[cluster.PartitionID]int64 `json:"ends,omitempty"`
	// Summed tells that Outs say what queries put out, in all parts of the step: see doubt.go.
	Summed bool     `json:"summed,omitempty"`
	Outs   []output `json:"outs,omitempty"`
}

// substep is what one step took in, in the order it was processed: attachments, turns, slices of table snapshots,
// ranges; and which views had caught up with a stream at its end. That is recorded, not found again, because whom they
// caught up with may have been dropped since.
type substep struct {
	Now    int64    `json:"now"`            // microseconds since 1970: what now() is in this step
	Tick   bool     `json:"tick,omitempty"` // a view changes because of the time
	Attach []attach `json:"attach,omitempty"`
	// GivenUp are queries that the node gives up whose state it cannot use, in the order of their numbers.
	GivenUp []givenUp `json:"givenUp,omitempty"`
	Turns   []turn    `json:"turns,omitempty"`
	Swaps   []uint32  `json:"swaps,omitempty"` // relations that are replaced
	Slices  []slice   `json:"slices,omitempty"`
	// Rewrites are slices of relations whose rows are written to their topics anew.
	Rewrites []slice     `json:"rewrites,omitempty"`
	Reads    []readRange `json:"reads,omitempty"`
	Judged   []judged    `json:"judged,omitempty"`
	Joined   []joined    `json:"joined,omitempty"`
}

// givenUp says that a query was taken out of the flow at the beginning of the step, and why; with Anew, its rows are
// made anew, and those of a part by the queries that share it. Before is why it was given up where its rows could not
// be made anew since: whoever leads next tries again.
type givenUp struct {
	View   uint32 `json:"view"`
	Why    string `json:"why"`
	Anew   bool   `json:"anew,omitempty"`
	Before string `json:"before,omitempty"`
}

// attach says that a view joined the flow at the beginning of the step, and where it starts in each stream it reads
// (by relation, offset of each partition).
type attach struct {
	View uint32 `json:"view"`
	// Timed tells that a difference is one of event times too.
	Timed bool               `json:"timed,omitempty"`
	Start map[uint32][]int64 `json:"start,omitempty"`
}

// slice says that a view took Rows more rows of the snapshot of the table it reads at input Input.
type slice struct {
	View  uint32 `json:"view"`
	Input int    `json:"input"`
	Rows  int    `json:"rows"`
}

// readRange says that offsets [From, To) of a partition were read. Owner is 0 for the live reader of the relation, else
// the view that is catching up on its own.
type readRange struct {
	Rel   uint32 `json:"rel"`
	Owner uint32 `json:"owner,omitempty"`
	Part  int    `json:"part"`
	From  int64  `json:"from"`
	To    int64  `json:"to"`
	More  bool   `json:"more,omitempty"` // there was more to read than a step takes
	// Clean is up to where the records of a shard of their own had been compacted when they were read; 0 where that is not
	// beyond From.
	Clean int64 `json:"clean,omitempty"`
}

// joined says that a view reads a relation with the others from the next step on.
type joined struct {
	View uint32 `json:"view"`
	Rel  uint32 `json:"rel"`
}

// judged says that records of a partition below To that cannot be decoded have been reported.
type judged struct {
	Rel  uint32 `json:"rel"`
	Part int    `json:"part"`
	To   int64  `json:"to"`
}

func (s *substep) empty() bool {
	return !s.Tick && len(s.Turns) == 0 && len(s.Swaps) == 0 && len(s.Rewrites) == 0 && len(s.GivenUp) == 0 &&
		len(s.Attach) == 0 && len(s.Slices) == 0 && len(s.Reads) == 0 && len(s.Judged) == 0 && len(s.Joined) == 0
}

// batch returns the record as a batch for the steps topic.
func (r *stepRecord) batch(nowMillis int64) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic("BUG: a step record cannot fail to encode: " + err.Error())
	}
	var b log.Builder
	b.Append(nil, body, nowMillis, nil)
	return b.Finish()
}

// loadSteps reads the committed records of the steps topic from an offset on, with the offset of each.
func loadSteps(
	node *cluster.Node, steps cluster.PartitionID, from int64, each func(offset int64, r *stepRecord) error,
) error {
	return eachRecord(node, steps, from, func(rec *log.Record) error {
		var r stepRecord
		if err := json.Unmarshal(rec.Value, &r); err != nil {
			return fmt.Errorf("engine: step record at offset %d: %w", rec.Offset, err)
		}
		return each(rec.Offset, &r)
	})
}

// eachRecord calls each for every record of a partition from an offset to its end. The record is borrowed.
func eachRecord(node *cluster.Node, p cluster.PartitionID, from int64, each func(*log.Record) error) error {
	var buf []byte
	for {
		start, end, err := node.Bounds(p)
		if err != nil {
			return err
		}
		from = max(from, start)
		if from >= end {
			return nil
		}
		if buf, err = node.Read(p, from, 1<<20, buf[:0]); err != nil {
			return err
		}
		next, err := walk(buf, from, each)
		if err != nil {
			return err
		}
		from = next
	}
}
