package log

import (
	"fmt"
	"math"
)

// Config is how a partition keeps its files. The zero value means the defaults.
type Config struct {
	// SegmentSizeBytes is the size at which a new segment begins. Default 128 MiB; an append larger than that makes a
	// larger segment of its own.
	SegmentSizeBytes int64
	// IndexIntervalBytes is the distance between index entries. Default 4 KiB.
	IndexIntervalBytes int
	// FS is where the files are. Default OS.
	FS FS
	// Failed is told when an fsync fails: the partition does nothing more, and what is on disk is unknown. It must not
	// block nor call the partition. May be nil.
	Failed func(error)
}

const (
	defaultSegmentSize   = 128 << 20
	defaultIndexInterval = 4 << 10
	maxSegmentSize       = 1 << 30
)

// Validate reports a setting that cannot work.
func (c *Config) Validate() error {
	if c.SegmentSizeBytes < 0 || c.SegmentSizeBytes > maxSegmentSize {
		return fmt.Errorf("log: segment size of %d bytes is outside 1 to %d", c.SegmentSizeBytes, maxSegmentSize)
	}
	if c.IndexIntervalBytes < 0 || c.IndexIntervalBytes > math.MaxInt32 {
		return fmt.Errorf("log: index interval of %d bytes is outside 1 to %d", c.IndexIntervalBytes, math.MaxInt32)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.SegmentSizeBytes == 0 {
		c.SegmentSizeBytes = defaultSegmentSize
	}
	if c.IndexIntervalBytes == 0 {
		c.IndexIntervalBytes = defaultIndexInterval
	}
	if c.FS == nil {
		c.FS = OS
	}
	return c
}
