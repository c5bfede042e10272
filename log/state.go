package log

import (
	"errors"
	"fmt"
)

// State is what a snapshot's manifest says about a partition. It is plain data, fit for JSON; fields may be added,
// and a missing one has its zero value.
type State struct {
	Start    int64          `json:"start"`             // first offset that may be read
	Next     int64          `json:"next"`              // offset of the next record
	Cleaned  int64          `json:"cleaned,omitempty"` // compacted up to here
	Segments []SegmentState `json:"segments,omitempty"`
	Epochs   []EpochStart   `json:"epochs,omitempty"`
}

// SegmentState is one segment file. Only the bytes up to Size belong to the log.
type SegmentState struct {
	Base         int64  `json:"base"`          // offset that names the file
	Gen          uint32 `json:"gen,omitempty"` // of the compaction that wrote it
	Size         int64  `json:"sizeBytes"`     // bytes
	FirstTime    int64  `json:"firstTime"`     // base timestamp of the first batch, milliseconds
	MaxTimestamp int64  `json:"maxTime"`       // newest timestamp, milliseconds
}

// FileName is the name of the segment's file in its partition's directory.
func (s *SegmentState) FileName() string { return segmentName(s.key(), extLog) }

func (s *SegmentState) key() segmentKey { return segmentKey{s.Base, s.Gen} }

// EpochStart says that the leader epoch began with the record at offset Start.
type EpochStart struct {
	Epoch int32 `json:"epoch"`
	Start int64 `json:"start"`
}

// ErrState means a State that no partition can have given.
var ErrState = errors.New("log: inconsistent partition state")

// validate checks what the rest relies on: ordered segments that cover [Start, Next).
func (s *State) validate() error {
	if s.Start < 0 || s.Next < s.Start || s.Next > maxOffset {
		return fmt.Errorf("%w: start %d, next %d", ErrState, s.Start, s.Next)
	}
	if len(s.Segments) == 0 && s.Start != s.Next {
		return fmt.Errorf("%w: no segments for offsets %d to %d", ErrState, s.Start, s.Next)
	}
	for i, seg := range s.Segments {
		end := s.Next
		if i+1 < len(s.Segments) {
			end = s.Segments[i+1].Base
		}
		empty, below := seg.Size == 0, i > 0 || seg.Base <= s.Start
		if seg.Base < 0 || seg.Size < 0 || seg.Base > end || empty != (seg.Base == end) || !below {
			return fmt.Errorf("%w: segment %d of %d bytes before offset %d", ErrState, seg.Base, seg.Size, end)
		}
	}
	for i := 1; i < len(s.Epochs); i++ {
		if s.Epochs[i].Epoch <= s.Epochs[i-1].Epoch || s.Epochs[i].Start < s.Epochs[i-1].Start {
			return fmt.Errorf("%w: leader epochs %v are not in order", ErrState, s.Epochs)
		}
	}
	return nil
}
