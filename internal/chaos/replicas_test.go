//go:build clients && linux

package chaos

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"

	"github.com/leatdb/leat/log"
)

// replicas kills all nodes and compares their partitions: where two of them have the same offsets they have the same
// bytes.
func (r *run) replicas() {
	r.killAll()
	partitions := map[string][]map[int64][]byte{}
	for _, n := range r.list() {
		dirs, err := filepath.Glob(filepath.Join(n.dir, "data", "cluster", "shards", "*", "*"))
		if err != nil || len(dirs) == 0 {
			r.t.Errorf("node %d has no partitions: %v", n.number, err)
		}
		for _, dir := range dirs {
			name, _ := filepath.Rel(n.dir, dir)
			partitions[name] = append(partitions[name], r.batches(dir))
		}
	}
	compared := 0
	for name, of := range partitions {
		for i, one := range of {
			for _, other := range of[i+1:] {
				from, to := common(one, other)
				for base, b := range one {
					if base < from || base >= to {
						continue
					}
					compared += len(b)
					if !bytes.Equal(b, other[base]) {
						r.t.Errorf("%s: two nodes have different batches at offset %d (%d and %d bytes)", name, base, len(b), len(other[base]))
					}
				}
			}
		}
	}
	r.say("%d bytes of %d partitions are the same on all nodes", compared, len(partitions))
}

// batches reads the batches of a partition, by their offsets. What follows the last whole one was being written.
func (r *run) batches(dir string) map[int64][]byte {
	out := map[int64][]byte{}
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	slices.Sort(files)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			r.t.Error(err)
		}
		for len(b) > 0 {
			h, one, rest, err := log.NextBatch(b)
			if err != nil {
				break
			}
			out[h.BaseOffset] = one
			b = rest
		}
	}
	return out
}

// common are the offsets that two replicas both have.
func common(a, b map[int64][]byte) (from, to int64) {
	bounds := func(m map[int64][]byte) (lo, hi int64) {
		lo = 1<<63 - 1
		for base := range m {
			lo, hi = min(lo, base), max(hi, base)
		}
		return lo, hi
	}
	afrom, ato := bounds(a)
	bfrom, bto := bounds(b)
	return max(afrom, bfrom), min(ato, bto)
}
