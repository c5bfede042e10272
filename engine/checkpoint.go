package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/leatdb/leat/cluster"
)

// checkpointMeta is what a checkpoint says besides the state of operators and rows.
type checkpointMeta struct {
	Seq uint64 `json:"seq"`
	// Indexed tells that the indexes of UNIQUE constraints are in the checkpoint too.
	Indexed bool `json:"indexed,omitempty"`

	Steps int64                            `json:"steps"` // offset in the steps topic to replay from
	Parts map[uint32][]position            `json:"parts"` // every source
	Live  map[uint32][]position            `json:"live"`  // live readers
	Own   map[uint32]map[uint32][]position `json:"own"`   // catching up: view, relation
	Views []uint32                         `json:"views"` // attached, in order
	// Chase says up to which key a view that catches up has read its tables: view, input.
	Chase map[uint32]map[int]chased `json:"chase,omitempty"`
	// States are the numbers under which the rows of relations are that were replaced: see catalog.Relation.StateID.
	States map[uint32]uint32 `json:"states,omitempty"`
	// Laid says that Layouts are those of rows, where they are not the first, and Relaid those in which a relation that is
	// about to be altered has its rows besides.
	Laid    bool           `json:"laid,omitempty"`
	Layouts map[uint32]int `json:"layouts,omitempty"`
	Relaid  map[uint32]int `json:"relaid,omitempty"`
	// Rewrites says up to which key relations that were replaced have been written to their topics anew.
	Rewrites map[uint32][]byte `json:"rewrites,omitempty"`
	// Joins are the indexes of relations for joins, IndexesMade how many were made so far.
	Joins       map[uint32][]savedIndex `json:"joins,omitempty"`
	IndexesMade uint64                  `json:"indexesMade,omitempty"`
	// Timed are the differences that are ones of event times too.
	Timed []uint32 `json:"timed,omitempty"`
	// Paused are those of the views that are paused.
	Paused []uint32 `json:"paused,omitempty"`
	// Graphs are those that the queries' state is of, Build is the binary that made them: see doubt.go.
	Graphs map[uint32]string `json:"graphs,omitempty"`
	Build  string            `json:"build,omitempty"`
	// Doubts are queries without state whose output was taken from the log, and why.
	Doubts map[uint32]string `json:"doubts,omitempty"`
	// Anew are queries that were given up and are made anew.
	Anew []uint32 `json:"anew,omitempty"`
	// Unmade are those that could not be made anew, and why they were given up before that.
	Unmade map[uint32]string `json:"unmade,omitempty"`
	// GivenUp are queries that were, and why.
	GivenUp map[uint32]string `json:"givenUp,omitempty"`
	// Stopped is where those had read their streams: query, relation, offset of each partition.
	Stopped map[uint32]map[uint32][]int64 `json:"stopped,omitempty"`
	// Now is the time of the last step, in microseconds since 1970.
	Now int64 `json:"now,omitempty"`
	// Ends is where streams ended that nothing reads, and Whole says that nothing is half read: who follows needs both.
	Ends  map[cluster.PartitionID]int64 `json:"ends,omitempty"`
	Whole bool                          `json:"whole,omitempty"`
}

// maybeCheckpoint writes a checkpoint when there is something new and nothing stands in the way.
func (f *flow) maybeCheckpoint() {
	for _, s := range f.sources {
		if s.rel.Was != nil && !f.store.Busy() {
			select {
			case f.settled <- struct{}{}:
			default:
			}
			break
		}
	}
	if f.sinceMark == 0 && len(f.pending) == 0 || f.gathering != nil || f.store.Busy() {
		return
	}
	if len(f.pending) > 0 {
		if err := f.commit(0); err != nil {
			f.broken = err
			return
		}
	}
	f.checkpoint()
}

// checkpointNow writes a checkpoint, after the one that is being collected, and waits for it.
func (f *flow) checkpointNow() error {
	if err := f.finishGathering(); err != nil {
		return err
	}
	f.checkpoint()
	if err := f.finishGathering(); err != nil {
		return err
	}
	return f.store.Wait()
}

// checkpoint begins to collect what changed: gather hands it to the store. State and positions are those after the
// last step.
func (f *flow) checkpoint() {
	if err := f.store.Wait(); err != nil {
		f.log.Warn("the last checkpoint failed and is tried again", "error", err)
	} else {
		f.trimSteps()
	}
	c := f.store.Begin()
	meta := checkpointMeta{Indexed: true, Seq: f.seq, Steps: f.stepsFrom,
		Parts: map[uint32][]position{}, Live: map[uint32][]position{},
		Own: map[uint32]map[uint32][]position{}, Chase: map[uint32]map[int]chased{},
		States: map[uint32]uint32{}, Laid: true, Layouts: map[uint32]int{}, Rewrites: map[uint32][]byte{},
		Joins: map[uint32][]savedIndex{}, IndexesMade: f.indexes,
		GivenUp: f.allGivenUp(), Stopped: f.stopped, Ends: f.unreadEnds(), Whole: f.whole,
		Anew: f.allAnew(), Unmade: f.allUnmade(), Graphs: f.graphs(), Build: build(), Doubts: f.loggedWhy(),
		Now: f.stepped.Load()}
	for id, s := range f.sources {
		meta.Parts[id] = positionsOf(s.parts)
		if s.rel.State != 0 {
			meta.States[id] = s.rel.State
		}
		if s.rewrite != nil {
			meta.Rewrites[id] = s.rewrite.next
		}
		if s.live != nil {
			meta.Live[id] = positionsOf(s.live.parts)
		}
		if s.rows != nil {
			s.rows.checkpoint(c)
			if n := s.rows.rel.Layout; n != 0 {
				meta.Layouts[id] = n
			}
			if saved := s.rows.savedIndexes(); saved != nil {
				meta.Joins[id] = saved
			}
		}
	}
	for _, v := range f.views {
		meta.Views = append(meta.Views, v.id)
		if v.paused {
			meta.Paused = append(meta.Paused, v.id)
		}
		for _, in := range v.inputs {
			if v.differs() && timedInput(in) && in.port == 0 {
				meta.Timed = append(meta.Timed, v.id)
			}
			if in.reader != nil {
				if meta.Own[v.id] == nil {
					meta.Own[v.id] = map[uint32][]position{}
				}
				meta.Own[v.id][in.src.rel.ID] = positionsOf(in.reader.parts)
			}
			if in.chase != nil {
				if meta.Chase[v.id] == nil {
					meta.Chase[v.id] = map[int]chased{}
				}
				meta.Chase[v.id][in.port] = chased{in.chase.next, in.chase.taken}
			}
		}
		if err := v.checkpoint(c); err != nil {
			f.log.Error("cannot checkpoint a view", "view", v.rel.Name, "error", err)
			return
		}
	}
	body, err := json.Marshal(meta)
	if err != nil {
		panic("BUG: checkpoint metadata cannot fail to encode: " + err.Error())
	}
	f.gathering = &gathering{c, body}
	f.lastCheckpoint, f.sinceMark = time.Now(), 0
}

// lastMeta is what the last checkpoint that is on disk says; nothing where there is none.
func (f *flow) lastMeta() (meta checkpointMeta, err error) {
	body, err := f.store.Meta()
	if err != nil {
		return meta, err
	}
	return readMeta(body)
}

// safeMeta is what the last checkpoint says that is on as many disks as it takes: whoever leads next begins no earlier.
func (f *flow) safeMeta() (checkpointMeta, error) { return f.metaOf((*Copies).safe) }

// neededMeta is what the oldest checkpoint says that somebody may go on from, to lead or to follow.
func (f *flow) neededMeta() (checkpointMeta, error) { return f.metaOf((*Copies).needed) }

func (f *flow) metaOf(choose func(c *Copies, own []byte) []byte) (meta checkpointMeta, err error) {
	body, err := f.store.Meta()
	if err != nil {
		return meta, err
	}
	if f.cfg.Copies != nil {
		body = choose(f.cfg.Copies, body)
	}
	return readMeta(body)
}

func readMeta(body []byte) (meta checkpointMeta, err error) {
	if body != nil {
		if err = json.Unmarshal(body, &meta); err != nil {
			err = fmt.Errorf("engine: checkpoint metadata: %w", err)
		}
	}
	return meta, err
}

// loadCheckpoint restores the state of the last checkpoint; ok is false when there is none.
func (f *flow) loadCheckpoint() (meta checkpointMeta, ok bool, err error) {
	if meta, err = f.lastMeta(); err != nil {
		return meta, false, err
	}
	f.addSources(meta)
	if meta.Views == nil && meta.Parts == nil {
		return meta, false, nil
	}
	for id, why := range meta.GivenUp {
		if rel, _ := f.definition(id); rel != nil && !rel.Terminated {
			f.setFailed(givenUp{id, why, slices.Contains(meta.Anew, id), meta.Unmade[id]})
		}
	}
	for id, at := range meta.Stopped {
		f.stopped[id] = at
	}
	f.indexes = meta.IndexesMade
	for id, s := range f.sources {
		setPositions(s.parts, meta.Parts[id])
		if s.live != nil {
			setPositions(s.live.parts, meta.Live[id])
		}
		if s.rows != nil {
			err := s.rows.load(f.store, meta.Indexed)
			if err == nil {
				err = f.loadIndexes(s.rows, meta.Joins[id])
			}
			if err != nil {
				return meta, false, err
			}
		}
	}
	return meta, true, nil
}
