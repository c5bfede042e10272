package cluster

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/leatdb/leat/log"
)

// marking makes the control batch that ends a transaction in a partition, as Kafka's consumers expect it: its one
// record's key is a version and 0 for abort or 1 for commit, its value a version and the coordinator's epoch.
func marking(c *cmdMark, nowMs int64) []byte {
	key := make([]byte, 4)
	if c.Commit {
		key[3] = 1
	}
	var b log.Builder
	b.SetAttributes(log.AttrControl | log.AttrTransactional)
	b.SetProducer(c.Producer.ID, c.Producer.Epoch, -1)
	b.Append(key, binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(c.Epoch)), nowMs, nil)
	return bytes.Clone(b.Finish())
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
