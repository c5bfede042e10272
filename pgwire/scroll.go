package pgwire

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// scroll is the rows of a cursor, and its place among them. Rows that were fetched are kept for the way back: all of
// them for SCROLL, none for NO SCROLL and for push queries, and else while they are few.
type scroll struct {
	result Result
	kept   []*vec.Batch // consecutive
	first  int64        // how many rows come before those kept
	read   int64        // how many have been read of the result
	ended  bool         // they are all
	at     int64        // the row it stands on, from 1; 0 before the first, read+1 behind the last
	size   int64        // of what is kept, in bytes
	must   bool         // SCROLL: what cannot be kept is an error
	oneWay bool         // there is no way back
	newest int64        // rows of the batch that was read last
	// keep counts memory of the session; counted is how much of it is the cursor's.
	keep    func(bytes int64) error
	counted int64
}

// keepRows is how many bytes of rows a cursor keeps that nobody has said SCROLL of.
const keepRows = 16 << 20

// patient is a push query's result: Within is Next that gives up at a time, with nil.
type patient interface {
	Within(ctx context.Context, deadline time.Time) (*vec.Batch, error)
}

// load reads more rows. It reports false at the end of the result, and when a push query has none until the deadline;
// the zero deadline never comes.
func (s *scroll) load(ctx context.Context, deadline time.Time) (bool, error) {
	if s.ended {
		return false, nil
	}
	var b *vec.Batch
	var err error
	if p, ok := s.result.(patient); ok && isLive(s.result) && !deadline.IsZero() {
		b, err = p.Within(ctx, deadline)
	} else {
		b, err = s.result.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		s.ended = true
		return false, nil
	}
	if err != nil || b == nil {
		return false, err
	}
	if b.N == 0 {
		return true, nil
	}
	b = b.Clone()
	s.kept = append(s.kept, b)
	s.read += int64(b.N)
	s.newest = int64(b.N)
	s.size += b.SizeBytes()
	s.oneWay = s.oneWay || !s.must && s.size > keepRows
	if !s.oneWay {
		if err := s.keep(b.SizeBytes()); err != nil {
			return false, err
		}
		s.counted += b.SizeBytes()
	}
	return true, nil
}

// ready reports whether forward gives something at once; it waits for that until a time.
func (s *scroll) ready(ctx context.Context, deadline time.Time) (bool, error) {
	for s.at >= s.read && !s.ended {
		more, err := s.load(ctx, deadline)
		if err != nil || !more && !s.ended {
			return false, err
		}
	}
	return true, nil
}

// forward returns the next rows, at most limit unless that is negative; nil when there are no more.
func (s *scroll) forward(ctx context.Context, limit int64, deadline time.Time) (*vec.Batch, error) {
	for s.at >= s.read {
		more, err := s.load(ctx, deadline)
		if err != nil {
			return nil, err
		}
		if !more {
			if s.ended {
				s.at = s.read + 1
			}
			return nil, nil
		}
	}
	k, start := s.find(s.at)
	b := s.kept[k]
	lo, hi := int(s.at-start), b.N
	if limit >= 0 {
		hi = int(min(int64(hi), int64(lo)+limit))
	}
	s.at = start + int64(hi)
	if s.oneWay {
		for len(s.kept) > 0 && s.first+int64(s.kept[0].N) <= s.at {
			s.first += int64(s.kept[0].N)
			s.size -= s.kept[0].SizeBytes()
			s.kept = s.kept[1:]
		}
	}
	if lo == 0 && hi == b.N {
		return b, nil
	}
	return b.Slice(lo, hi), nil
}

// find returns the batch that holds row number n, from 0, and how many rows come before it.
func (s *scroll) find(n int64) (k int, start int64) {
	start = s.first
	for k = range s.kept {
		if n < start+int64(s.kept[k].N) {
			return k, start
		}
		start += int64(s.kept[k].N)
	}
	panic("BUG: a cursor stands on a row that it has not kept")
}

// backward returns the rows before the place of the cursor, the nearest first; nil when there are no more.
func (s *scroll) backward(limit int64) *vec.Batch {
	if s.at <= 1 {
		s.at = 0
		return nil
	}
	k, start := s.find(s.at - 2)
	n := s.at - 1 - start
	if limit >= 0 {
		n = min(n, limit)
	}
	sel := make([]int32, n)
	for i := range sel {
		sel[i] = int32(s.at - 2 - start - int64(i))
	}
	s.at -= n
	return s.kept[k].Gather(sel)
}

// skip goes forward over n rows, all when n is negative.
func (s *scroll) skip(ctx context.Context, n int64, deadline time.Time) error {
	for n != 0 {
		b, err := s.forward(ctx, n, deadline)
		if b == nil || err != nil {
			return err
		}
		if n > 0 {
			n -= int64(b.N)
		}
	}
	return nil
}

func errForwardOnly() error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "cursor can only scan forward").
		WithHint("Declare it with SCROLL option to enable backward scan.")
}

// run is the rows that a FETCH gives once the cursor stands where they begin.
type run struct {
	back bool
	left int64 // negative: all
	stay bool  // MOVE 0: the row it stands on counts
}

// seek takes the cursor to where the rows of a FETCH or MOVE begin, as PostgreSQL does it (DoPortalRunFetch).
func (s *scroll) seek(ctx context.Context, st *ast.Fetch, deadline time.Time) (run, error) {
	n := st.Count
	switch st.Dir {
	case "FIRST":
		return s.absolute(ctx, 1, deadline)
	case "LAST":
		return s.absolute(ctx, -1, deadline)
	case "ABSOLUTE":
		return s.absolute(ctx, n, deadline)
	case "RELATIVE":
		switch {
		case n > 0:
			return run{left: 1}, s.skip(ctx, n-1, deadline)
		case n < 0 && s.oneWay:
			return run{}, errForwardOnly()
		case n < 0:
			s.at = max(s.at+n+1, 0)
			return run{back: true, left: 1}, nil
		}
		return s.again(false, st.Move)
	}
	back := st.Dir == "BACKWARD"
	switch {
	case st.All:
		n = -1
	case n < 0:
		back, n = !back, -n
	}
	switch {
	case n == 0:
		return s.again(back, st.Move)
	case back && s.oneWay && st.Move && st.All && s.at == 0:
		return run{}, nil
	case back && s.oneWay:
		return run{}, errForwardOnly()
	}
	return run{back: back, left: n}, nil
}

// absolute takes the cursor before a row by its number, counted from the end when it is negative.
func (s *scroll) absolute(ctx context.Context, n int64, deadline time.Time) (run, error) {
	switch {
	case n > 0:
		if s.oneWay && n <= s.at {
			return run{}, errForwardOnly()
		}
		if n <= s.at || n <= s.read {
			s.at = n - 1
		} else if err := s.skip(ctx, n-1-s.at, deadline); err != nil {
			return run{}, err
		}
		return run{left: 1}, nil
	case n == 0:
		if s.oneWay && s.at != 0 {
			return run{}, errForwardOnly()
		}
		s.at = 0
		return run{}, nil
	case isLive(s.result):
		return run{}, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the result of a push query has no end")
	}
	if err := s.skip(ctx, -1, deadline); err != nil {
		return run{}, err
	}
	if s.oneWay {
		return run{}, errForwardOnly()
	}
	s.at = max(s.read+2+n, 0)
	return run{back: true, left: 1}, nil
}

// again fetches the row the cursor stands on once more, if it does; MOVE only counts it.
func (s *scroll) again(back, move bool) (run, error) {
	onRow := s.at > 0 && s.at <= s.read
	switch {
	case move:
		return run{stay: onRow}, nil
	case onRow && !s.oneWay:
		s.at--
		return run{left: 1}, nil
	case s.oneWay && (onRow || back):
		return run{}, errForwardOnly()
	}
	return run{}, nil
}
