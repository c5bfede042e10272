package cluster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leatdb/leat/cluster/wal"
)

// BenchmarkAppend appends from 1, 16 and 256 callers at a time; bare is one write and one fdatasync per append, in one
// goroutine over a file that was written before.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		data := batch(strings.Repeat("x", size))
		b.Run(fmt.Sprintf("bare/%dKiB", size>>10), func(b *testing.B) {
			const fileBytes = 64 << 20
			f, _, err := wal.OS{}.Open(b.TempDir() + "/bare")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, fileBytes), 0); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for pos := int64(0); b.Loop(); pos = (pos + int64(len(data))) % (fileBytes - 1<<20) {
				if _, err := f.WriteAt(data, pos); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, callers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("append/%dKiB/callers=%d", size>>10, callers), func(b *testing.B) {
				n := openNode(b, Config{Dir: b.TempDir(), WAL: wal.Config{FirstBytes: 64 << 20}})
				p := create(b, n, "t", 8)
				b.SetBytes(int64(len(data)))
				b.ResetTimer()
				var next atomic.Int64
				var all sync.WaitGroup
				for c := range callers {
					all.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if _, err := n.Append(b.Context(), Append{p[c%8], data}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// BenchmarkStep commits steps one after the other.
func BenchmarkStep(b *testing.B) {
	n := openNode(b, Config{Dir: b.TempDir()})
	p := create(b, n, "t", 2)
	epoch, _, err := n.ClaimFlow(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	data := batch("one", "two")
	seq := uint64(0)
	for b.Loop() {
		seq++
		if _, err := n.CommitStep(b.Context(), Step{1, epoch, seq, []Append{{p[0], data}, {p[1], data}}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProduce sends batches of 100-byte and of 1-KiB records, 16 KiB each, to six partitions, with many under way;
// bare is the same bytes in writes of 1 MiB with one fdatasync each, over a file that was written before. idempotent
// batches have producer ids, whose sequence numbers are checked.
func BenchmarkProduce(b *testing.B) {
	b.Run("bare", func(b *testing.B) { bareWrites(b, 1<<20) })
	for _, record := range []int{100, 1 << 10} {
		for _, idempotent := range []bool{false, true} {
			b.Run(fmt.Sprintf("record=%d/idempotent=%v", record, idempotent), func(b *testing.B) {
				benchProduce(b, record, idempotent)
			})
		}
	}
}

// bareWrites writes and syncs so many bytes at a time.
func bareWrites(b *testing.B, size int) {
	const fileBytes = 256 << 20
	f, _, err := wal.OS{}.Open(b.TempDir() + "/bare")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for at := int64(0); at < fileBytes; at += 1 << 20 {
		if _, err := f.WriteAt(make([]byte, 1<<20), at); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, size)
	b.SetBytes(16 << 10)
	b.ResetTimer()
	pos, have := int64(0), 0
	for range b.N {
		if have += 16 << 10; have < size {
			continue
		}
		have = 0
		if _, err := f.WriteAt(data, pos); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		pos = (pos + int64(size)) % (fileBytes - int64(size))
	}
}

func benchProduce(b *testing.B, record int, idempotent bool) {
	const partitions, window = 6, 64 // produces under way a partition
	n := openNode(b, Config{Dir: b.TempDir(), WAL: wal.Config{FirstBytes: 64 << 20}})
	p := create(b, n, "t", partitions)
	values := make([]string, (16<<10)/record)
	for i := range values {
		values[i] = strings.Repeat("x", record)
	}
	plain := batch(values...)
	b.SetBytes(int64(len(plain)))
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range partitions {
		all.Go(func() {
			by, err := n.InitProducer(b.Context(), ProducerRequest{Known: nobody})
			if err != nil {
				b.Error(err)
				return
			}
			pending := make(chan *PendingProduce, window)
			all.Go(func() {
				for w := range pending {
					if _, err := w.Wait(b.Context()); err != nil {
						b.Error(err)
					}
				}
			})
			defer close(pending)
			data, mine := plain, sent(by, 0, false, values...)
			for seq := 0; seq < b.N/partitions+1; seq++ {
				if idempotent {
					data = resent(mine, seq*len(values))
				}
				w, err := n.Produce(b.Context(), Produce{Partition: p[i], Batches: data})
				if err != nil {
					b.Error(err)
					return
				}
				pending <- w
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(len(values))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// resent is a producer's batch with another sequence number.
func resent(batch []byte, seq int) []byte {
	b := bytes.Clone(batch)
	binary.BigEndian.PutUint32(b[53:], uint32(seq))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}
