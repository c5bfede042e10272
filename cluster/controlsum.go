package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"runtime/debug"

	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/log/mapped"
	"go.etcd.io/bbolt"
)

// keySum is the key in bucketMeta of the checksum of all else: the index of the entry that wrote it, so that one which
// an older binary has not kept does not count, and the sum.
var keySum = []byte("sum")

// errDamaged says that the control database is not what was written.
var errDamaged = fmt.Errorf("%w: it is not what was written; replace this node: start one on an empty directory with "+
	"--join, and remove this one", log.ErrCorrupt)

// summed are the buckets that the checksum is of.
var summed = [][]byte{bucketMeta, bucketDocuments, bucketTopics}

// hashOf is what one pair adds to the checksum. Whatever the order, the sum of all is their exclusive or.
func hashOf(bucket, key, value []byte) uint64 {
	h := fnv.New64a()
	for _, b := range [][]byte{bucket, key, value} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(b)))) // it never fails
		h.Write(b)
	}
	return h.Sum64()
}

// A summer changes a bucket, and the checksum with it.
type summer struct {
	*bbolt.Bucket
	name []byte
	sum  *uint64
}

func (s summer) forget(key []byte) {
	if old := s.Get(key); old != nil {
		*s.sum ^= hashOf(s.name, key, old)
	}
}

// Put shadows bbolt's.
func (s summer) Put(key, value []byte) error {
	s.forget(key)
	*s.sum ^= hashOf(s.name, key, value)
	return s.Bucket.Put(key, value)
}

// Delete shadows bbolt's.
func (s summer) Delete(key []byte) error {
	s.forget(key)
	return s.Bucket.Delete(key)
}

// sumOf reads all pairs.
func sumOf(tx *bbolt.Tx) (sum uint64, err error) {
	for _, name := range summed {
		errs := tx.Bucket(name).ForEach(func(k, v []byte) error {
			if string(k) != string(keySum) {
				sum ^= hashOf(name, k, v)
			}
			return nil
		})
		err = errors.Join(err, errs)
	}
	return sum, err
}

// putSum stores the checksum as of the entry of an index.
func putSum(meta *bbolt.Bucket, index, sum uint64) error {
	return meta.Put(keySum, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, index), sum))
}

// checkSum compares what is there with the checksum, where there is one, and returns it.
func checkSum(tx *bbolt.Tx) (sum uint64, err error) {
	if sum, err = sumOf(tx); err != nil {
		return 0, err
	}
	meta := tx.Bucket(bucketMeta)
	b := meta.Get(keySum)
	if len(b) == 16 && binary.BigEndian.Uint64(b) == number(meta, keyApplied) && binary.BigEndian.Uint64(b[8:]) != sum {
		return 0, errDamaged
	}
	return sum, nil
}

// guarded runs what looks at pages of the database. They may make no sense: the library panics when it finds that, and
// reads memory that is not there before. That they cannot be read is another matter.
func guarded(look func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%v)", errDamaged, p)
		}
	}()
	if err = look(); mapped.IsFault(err) && errors.Is(err, io.ErrUnexpectedEOF) { // no page of the file
		err = fmt.Errorf("%w (%w)", errDamaged, err)
	}
	return err
}
