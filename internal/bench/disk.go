package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// bids returns n JSON objects, one a line, about 130 bytes each, whose event times lie spacing apart. Nexmark's
// generator makes 10,000 events a second unless told otherwise: a spacing of 100 microseconds.
func bids(n int, spacing time.Duration) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, 0, n*140)
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(i) * spacing)
		out = fmt.Appendf(out, `{"auction":%d,"bidder":%d,"price":%d,"channel":"channel-%d",`+
			`"url":"https://example.org/item/%d","at":"%s"}`,
			r.IntN(1000), r.IntN(10000), r.IntN(100000), r.IntN(20), i, at.Format("2006-01-02 15:04:05.000"))
		out = append(out, '\n')
	}
	return out
}

// writeSynced writes data to a new file in pieces, each followed by fdatasync, and returns the time it took.
func writeSynced(path string, data []byte, piece int) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer os.Remove(path)
	defer f.Close()
	began := time.Now()
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := f.Write(data[:n]); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		data = data[n:]
	}
	return time.Since(began), nil
}

// fdatasyncs returns the times of n small writes, each followed by fdatasync, over the blocks of an existing file.
func (b *bench) fdatasyncs(n int) ([]time.Duration, error) {
	f, err := os.Create(filepath.Join(b.dir, "sync"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, 4<<20)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	var out []time.Duration
	block := make([]byte, 4096)
	for i := range n {
		began := time.Now()
		if _, err := f.WriteAt(block, int64(i%1024)*4096); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		out = append(out, time.Since(began))
	}
	return out, nil
}

// percentile returns the p-th percentile; times are sorted by it.
func percentile(times []time.Duration, p float64) time.Duration {
	slices.Sort(times)
	return times[min(len(times)-1, int(float64(len(times))*p/100))]
}

// cpu returns the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
