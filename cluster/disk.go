package cluster

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// freeAge is how long an answer about free space is believed, unless much is written meanwhile.
const freeAge = 50 * time.Millisecond

// A disk knows how much room there is, cheaply.
type disk struct {
	dir     string
	reserve int64
	free    func(dir string) (int64, error)

	mu      sync.Mutex
	last    int64 // bytes free when asked
	asked   time.Time
	written int64 // since then
}

// admit refuses bytes to append when the disk has too little room. Steps may use a quarter of the reserve: with it
// the views show what was written before the disk was full.
func (d *disk) admit(bytes int, step bool) error {
	free, err := d.room(int64(bytes))
	if err != nil {
		return err
	}
	reserve := d.reserve
	if step {
		reserve -= reserve / 4
	}
	if free < reserve {
		return fmt.Errorf("%w: %d bytes are free, %d are kept in reserve", ErrDiskFull, free, reserve)
	}
	return nil
}

// allocate says whether a segment of the write-ahead log may be created. Half of the reserve stays, for what is
// committed and not yet applied.
func (d *disk) allocate(bytes int64) error {
	free, err := d.free(d.dir)
	if err != nil {
		return fmt.Errorf("cluster: free space of %s: %w", d.dir, err)
	}
	if free-bytes < d.reserve/2 {
		return fmt.Errorf("%d bytes are free, and %d of them wanted", free, bytes)
	}
	return nil
}

// room returns the free space, asked for again when the last answer is old or much has been written since.
func (d *disk) room(bytes int64) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written += bytes
	if now := time.Now(); now.Sub(d.asked) > freeAge || d.written > d.reserve/16 {
		free, err := d.free(d.dir)
		if err != nil {
			return 0, fmt.Errorf("cluster: free space of %s: %w", d.dir, err)
		}
		d.last, d.asked, d.written = free, now, 0
	}
	return d.last - d.written, nil
}

// freeBytes asks the file system.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
