package log

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// A Compaction says what Compact removes. It follows from committed entries alone: all replicas remove the same.
type Compaction struct {
	// Upto is the offset below which the log is compacted: between two batches, and not above the last stable offset.
	Upto int64
	// NowMs is the time that delete horizons are compared with and counted from, milliseconds.
	NowMs int64
	// DeleteRetentionMs is how long a tombstone is kept after it was first compacted.
	DeleteRetentionMs int64
	// ProducerExpiryMs is how old the last batch of a producer gets before its header goes as well.
	ProducerExpiryMs int64
	// Aborted are the transactions with a marker below Upto that were aborted.
	Aborted []Aborted
}

// Aborted is an aborted transaction: the batches of a producer from First to the marker at Last.
type Aborted struct {
	Producer, First, Last int64
}

// keyHash stands for a record's key.
type keyHash [16]byte

func hashKey(key []byte) keyHash {
	sum := sha256.Sum256(key)
	return keyHash(sum[:16])
}

// A cleaner decides what stays, batch by batch in offset order. It follows Kafka's log cleaner: of every key the last
// record stays; a tombstone goes when its batch's delete horizon has passed; records of aborted transactions go; a
// marker goes when its transaction has no batch left and its horizon has passed; and the header of a producer's last
// batch stays, for its sequence number.
type cleaner struct {
	Compaction
	latest    map[keyHash]int64 // the last offset of each key in the part that was never compacted
	lastOf    map[int64]int64   // base offset of each producer's last batch
	ends      int64             // base offset of the last batch below Upto: its header stays, so that the log has no hole
	byMarker  map[int64]Aborted // aborted transactions by their marker
	seenData  map[int64]bool    // producers whose open transaction has a batch
	removed   []int64           // markers of aborted transactions that went
	reader    Reader
	rebuilt   []byte
	recordBuf []byte
}

func newCleaner(c Compaction) *cleaner {
	k := &cleaner{Compaction: c, latest: map[keyHash]int64{}, lastOf: map[int64]int64{}, ends: -1,
		byMarker: map[int64]Aborted{}, seenData: map[int64]bool{}}
	for _, a := range c.Aborted {
		k.byMarker[a.Last] = a
	}
	k.Aborted = slices.Clone(c.Aborted)
	slices.SortFunc(k.Aborted, func(a, b Aborted) int {
		if a.Producer != b.Producer {
			return sign(a.Producer - b.Producer)
		}
		return sign(a.Last - b.Last)
	})
	return k
}

func sign(n int64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// isAborted says whether a batch belongs to a transaction that was aborted.
func (k *cleaner) isAborted(h *Header) bool {
	if !h.Transactional() || h.Control() {
		return false
	}
	i, _ := slices.BinarySearchFunc(k.Aborted, h, func(a Aborted, h *Header) int {
		if a.Producer != h.ProducerID {
			return sign(a.Producer - h.ProducerID)
		}
		return sign(a.Last - h.BaseOffset)
	})
	return i < len(k.Aborted) && k.Aborted[i].Producer == h.ProducerID && k.Aborted[i].First <= h.BaseOffset
}

// noteHeader takes a header into account before anything is decided.
func (k *cleaner) noteHeader(h *Header) {
	k.ends = h.BaseOffset
	if h.ProducerID >= 0 && !h.Control() {
		k.lastOf[h.ProducerID] = h.BaseOffset
	}
}

// noteKeys takes the keys of a batch into account that was never compacted.
func (k *cleaner) noteKeys(h *Header, batch []byte) error {
	if h.Control() || k.isAborted(h) {
		return nil
	}
	if err := k.reader.Reset(batch); err != nil {
		return err
	}
	var rec Record
	for k.reader.Next(&rec) {
		if rec.Key != nil {
			k.latest[hashKey(rec.Key)] = rec.Offset
		}
	}
	return k.reader.Err()
}

// clean returns what stays of a batch: the batch itself, another one that is valid until the next call, or nothing. A
// batch that cannot be read stays as it is.
func (k *cleaner) clean(h *Header, batch []byte) []byte {
	if h.Control() {
		return k.cleanMarker(h, batch)
	}
	if h.Transactional() {
		k.seenData[h.ProducerID] = true
	}
	if k.isAborted(h) || h.Records == 0 {
		return k.emptied(h, batch)
	}
	if k.reader.Reset(batch) != nil {
		return batch
	}
	horizon, expired := k.horizon(h)
	kept, tombs := 0, false
	var rec Record
	newest := int64(-1)
	for k.reader.Next(&rec) {
		if last, ok := k.latest[hashKey(rec.Key)]; rec.Key == nil || ok && last > rec.Offset {
			continue
		}
		if rec.Value == nil {
			if expired {
				continue
			}
			tombs = true
		}
		kept++
		newest = max(newest, rec.Timestamp)
	}
	hasHorizon := h.Attributes&AttrDeleteHorizon != 0
	switch {
	case k.reader.Err() != nil:
		return batch
	case kept == 0:
		return k.emptied(h, batch)
	case kept == int(h.Records) && (!tombs || hasHorizon):
		return batch
	}
	if !tombs {
		horizon = h.BaseTimestamp
	}
	return k.rebuild(h, batch, kept, horizon, tombs || hasHorizon, newest, expired)
}

// horizon is when the tombstones of a batch may go, and whether that is past.
func (k *cleaner) horizon(h *Header) (horizon int64, past bool) {
	if h.Attributes&AttrDeleteHorizon != 0 {
		return h.BaseTimestamp, k.NowMs >= h.BaseTimestamp
	}
	return k.NowMs + k.DeleteRetentionMs, false
}

// cleanMarker decides about the control batch that ends a transaction.
func (k *cleaner) cleanMarker(h *Header, batch []byte) []byte {
	data := k.seenData[h.ProducerID]
	delete(k.seenData, h.ProducerID)
	switch {
	case h.Records == 0:
		return k.emptied(h, batch)
	case data || !h.Transactional():
		return batch
	}
	if h.Attributes&AttrDeleteHorizon == 0 { // the transaction's records are all gone, from now on it counts
		if k.reader.Reset(batch) != nil {
			return batch
		}
		horizon, _ := k.horizon(h)
		return k.rebuild(h, batch, int(h.Records), horizon, true, h.MaxTimestamp, false)
	}
	if _, past := k.horizon(h); !past {
		return batch
	}
	if _, ok := k.byMarker[h.BaseOffset]; ok {
		k.removed = append(k.removed, h.BaseOffset)
	}
	return k.emptied(h, batch)
}

// emptied returns what stays of a batch without records: the header where its sequence number matters, or the end of
// the compacted part does; else nothing.
func (k *cleaner) emptied(h *Header, batch []byte) []byte {
	last := h.ProducerID >= 0 && k.lastOf[h.ProducerID] == h.BaseOffset && !h.Control() &&
		k.NowMs-h.MaxTimestamp <= k.ProducerExpiryMs
	if !last && h.BaseOffset != k.ends {
		return nil
	}
	if len(batch) == HeaderLen {
		return batch
	}
	out := append(k.rebuilt[:0], batch[:HeaderLen]...)
	return k.finish(out, h.Attributes&^AttrCodec, 0)
}

// rebuild writes a batch anew with the records that stay. With mark, horizon becomes its base timestamp.
func (k *cleaner) rebuild(h *Header, batch []byte, kept int, horizon int64, mark bool, newest int64,
	expired bool) []byte {
	base, attributes := h.BaseTimestamp, h.Attributes
	if mark {
		base, attributes = horizon, attributes|AttrDeleteHorizon
	}
	_ = k.reader.Reset(batch) // it was read before
	all := kept == int(h.Records)
	records := k.recordBuf[:0]
	var rec Record
	for k.reader.Next(&rec) {
		if !all && k.gone(&rec, expired) {
			continue
		}
		stamp := rec.Timestamp
		if h.Attributes&AttrLogAppendTime != 0 {
			stamp = base
		}
		records = appendRecord(records, &rec, stamp-base, rec.Offset-h.BaseOffset)
	}
	k.recordBuf = records
	out := append(k.rebuilt[:0], batch[:HeaderLen]...)
	out, attributes = deflate(out, records, attributes)
	binary.BigEndian.PutUint64(out[27:], uint64(base))
	if h.Attributes&AttrLogAppendTime == 0 {
		binary.BigEndian.PutUint64(out[offMaxTimestamp:], uint64(newest))
	}
	return k.finish(out, attributes, int32(kept))
}

func (k *cleaner) gone(rec *Record, expired bool) bool {
	last, ok := k.latest[hashKey(rec.Key)]
	return rec.Key == nil || ok && last > rec.Offset || rec.Value == nil && expired
}

// finish completes the header of a batch that was written anew. Offsets, epoch and producer stay.
func (k *cleaner) finish(out []byte, attributes int16, records int32) []byte {
	binary.BigEndian.PutUint32(out[offRecords:], uint32(records))
	sealBatch(out, attributes)
	k.rebuilt = out
	return out
}

// appendRecord encodes a record again.
func appendRecord(dst []byte, r *Record, timeDelta, offsetDelta int64) []byte {
	size := 1 + varintLen(timeDelta) + varintLen(offsetDelta) + bytesLen(r.Key) + bytesLen(r.Value) +
		varintLen(int64(r.HeaderCount)) + len(r.Headers)
	dst = append(appendVarint(dst, int64(size)), 0)
	dst = appendVarint(appendVarint(dst, timeDelta), offsetDelta)
	dst = appendVarint(appendBytes(appendBytes(dst, r.Key), r.Value), int64(r.HeaderCount))
	return append(dst, r.Headers...)
}
