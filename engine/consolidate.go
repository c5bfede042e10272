package engine

import (
	"bytes"
	"hash/maphash"
	"math"

	"github.com/leatdb/leat/sql/vec"
)

// Consolidate sums the diffs of rows that are exactly equal and drops those that come to zero. The rows left are in
// the order in which they first came, with the latest of their event times. A batch in which nothing can cancel,
// because it has no negative diff, is returned as it is.
func Consolidate(b *vec.Batch) *vec.Batch {
	if !hasNegative(b.Diff) {
		return b
	}
	type slot struct {
		hash uint64
		row  int32 // of the distinct rows, plus one
	}
	size := 64
	for size < 2*b.N {
		size *= 2
	}
	var (
		slots = make([]slot, size)
		seed  = maphash.MakeSeed()
		data  []byte
		ends  = make([]int, 1, b.N+1) // row r lies in data from ends[r] to ends[r+1]
		first []int32
		sums  []int64
		times []int64
	)
	for i := range b.N {
		from := len(data)
		data = vec.AppendRow(data, b.Cols, i)
		row := data[from:]
		h := maphash.Bytes(seed, row)
		p := h & uint64(size-1)
		for ; slots[p].row != 0; p = (p + 1) & uint64(size-1) {
			r := slots[p].row - 1
			if slots[p].hash == h && bytes.Equal(row, data[ends[r]:ends[r+1]]) {
				break
			}
		}
		if r := slots[p].row - 1; r >= 0 {
			data = data[:from]
			sums[r] += int64(b.DiffAt(i))
			times[r] = max(times[r], b.TimeAt(i))
			continue
		}
		first, sums = append(first, int32(i)), append(sums, int64(b.DiffAt(i)))
		times, ends = append(times, b.TimeAt(i)), append(ends, len(data))
		slots[p] = slot{h, int32(len(first))}
	}
	return remaining(b, first, sums, times)
}

// remaining returns the rows of b numbered in first whose sum is not zero.
func remaining(b *vec.Batch, first []int32, sums, times []int64) *vec.Batch {
	var sel, diff []int32
	var at []int64
	for r, i := range first {
		eachDiff(sums[r], func(d int32) {
			sel, diff, at = append(sel, i), append(diff, d), append(at, times[r])
		})
	}
	out := &vec.Batch{Cols: b.Cols, N: b.N}
	out = out.Gather(sel)
	out.Diff = diff
	if b.Time != nil {
		out.Time = at
	}
	return out
}

// eachDiff calls f with diffs that add up to n, as few as their type allows.
func eachDiff(n int64, f func(d int32)) {
	for n != 0 {
		d := min(max(n, -math.MaxInt32), math.MaxInt32)
		f(int32(d))
		n -= d
	}
}

func hasNegative(diff []int32) bool {
	for _, d := range diff {
		if d < 0 {
			return true
		}
	}
	return false
}
