package state

import (
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/sql/sqlerr"
)

// A checkpoint of many keys touches pages all over the file, more than one transaction should hold in memory. So it is
// written twice: as a journal, one chunk after the other, whose last transaction makes the checkpoint valid, and then
// key by key into the buckets, in transactions of a bounded size. As long as the journal is there it says what its keys
// are, whatever part of it is in the buckets; Open puts all of it there.
//
//	meta "journal" → number of the valid journal (8 bytes), how many chunks it has (8 bytes); none when that is 0
//	journal        → number of the journal (8 bytes), number of the chunk (8 bytes) → chunk
//	chunk          = sections of owner (8 bytes), operator (4 bytes), number of changes (4 bytes), changes
//	change         = length of the key, length of the value + 1 (0: deleted), key, value; lengths are uvarints
var (
	journalBucket = []byte("journal")
	journalKey    = []byte("journal")
)

// write makes the checkpoint the last one.
func (s *Store) write(c *Checkpoint) error {
	s.rested = time.Now()
	parts := c.parts(s.rest)
	n := 0
	for _, p := range parts {
		n += p.Len()
	}
	if n <= s.options.TxChanges {
		return s.update(func(tx *bbolt.Tx) error {
			if err := setMeta(tx, c.meta, 0, 0); err != nil {
				return err
			}
			for _, p := range parts {
				if _, err := writePart(tx, p, 0, p.Len()); err != nil {
					return err
				}
			}
			return dropJournals(tx)
		})
	}
	if err := s.roomFor(n); err != nil {
		return err
	}
	if err := s.writeJournal(c.meta, parts); err != nil {
		return err
	}
	return s.apply(parts)
}

// roomFor refuses a checkpoint that might outgrow the address space set aside.
func (s *Store) roomFor(changes int) error {
	var size int64
	err := s.view(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	if err == nil && size+int64(changes)*4096 > int64(s.mapped) && s.mapped < initialMaps[0] {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "the state file may not grow beyond %d bytes here", s.mapped)
	}
	return err
}

// writeJournal writes the journal of a checkpoint and then makes the checkpoint valid.
func (s *Store) writeJournal(meta []byte, parts []opPart) error {
	var number uint64
	if err := s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(journalBucket)
		if err != nil {
			return err
		}
		number, _ = journalOf(tx)
		number++
		return clearJournals(b, func(of uint64) bool { return of == number }) // one that was never made valid
	}); err != nil {
		return err
	}
	w := chunkWriter{s: s, number: number}
	for _, p := range parts {
		if err := w.add(p); err != nil {
			return err
		}
	}
	return w.flush(func(tx *bbolt.Tx) error { return setMeta(tx, meta, number, w.chunks) })
}

// chunkWriter cuts changes into chunks.
type chunkWriter struct {
	s              *Store
	number, chunks uint64
	buf            []byte
}

func (w *chunkWriter) add(p opPart) error {
	for i := 0; i < p.Len(); {
		w.buf = append(append(w.buf, p.id.ownerKey()...), p.id.opKey()...)
		at, from := len(w.buf), i
		w.buf = append(w.buf, 0, 0, 0, 0)
		for ; i < p.Len() && len(w.buf) < w.s.options.ChunkBytes; i++ {
			k, v, del := p.at(i)
			w.buf = binary.AppendUvarint(w.buf, uint64(len(k)))
			if del {
				v = nil
				w.buf = append(w.buf, 0)
			} else {
				w.buf = binary.AppendUvarint(w.buf, uint64(len(v))+1)
			}
			w.buf = append(append(w.buf, k...), v...)
		}
		binary.BigEndian.PutUint32(w.buf[at:], uint32(i-from))
		if len(w.buf) >= w.s.options.ChunkBytes {
			if err := w.flush(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush writes the chunk, and what last has to.
func (w *chunkWriter) flush(last func(*bbolt.Tx) error) error {
	defer w.s.rest()
	err := w.s.update(func(tx *bbolt.Tx) error {
		if len(w.buf) > 0 {
			key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, w.number), w.chunks)
			if err := tx.Bucket(journalBucket).Put(key, w.buf); err != nil {
				return err
			}
			w.chunks++
		}
		if last == nil {
			return nil
		}
		return last(tx)
	})
	w.buf = w.buf[:0]
	return err
}

// apply puts changes that a valid journal has into their buckets, and forgets the journal.
func (s *Store) apply(parts []opPart) error {
	for _, p := range parts {
		for i := 0; i < p.Len(); {
			if err := s.update(func(tx *bbolt.Tx) (err error) {
				i, err = writePart(tx, p, i, s.options.TxChanges)
				return err
			}); err != nil {
				return err
			}
			s.rest()
		}
	}
	return s.update(func(tx *bbolt.Tx) error {
		number, _ := journalOf(tx)
		if err := setJournal(tx, number, 0); err != nil {
			return err
		}
		return dropJournals(tx)
	})
}

// replayJournal puts the journal that a crash has left into its place.
func (s *Store) replayJournal() error {
	s.waiting.Add(1) // who opens the file does
	defer s.waiting.Add(-1)
	var number, chunks uint64
	if err := s.view(func(tx *bbolt.Tx) error {
		number, chunks = journalOf(tx)
		return nil
	}); err != nil || chunks == 0 {
		return err
	}
	for i := range chunks {
		var parts []opPart
		if err := s.view(func(tx *bbolt.Tx) (err error) {
			key := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, number), i)
			parts, err = readChunk(slices.Clone(tx.Bucket(journalBucket).Get(key)))
			return err
		}); err != nil {
			return err
		}
		if i+1 == chunks {
			return s.apply(parts)
		}
		for _, p := range parts {
			for at := 0; at < p.Len(); {
				if err := s.update(func(tx *bbolt.Tx) (err error) {
					at, err = writePart(tx, p, at, s.options.TxChanges)
					return err
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// readChunk reads the sections of a chunk.
func readChunk(b []byte) (parts []opPart, err error) {
	for len(b) > 0 {
		if len(b) < 16 {
			return nil, errChunk
		}
		id := opID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
		n := binary.BigEndian.Uint32(b[12:])
		b = b[16:]
		ch := &changes{}
		for range n {
			klen, k := binary.Uvarint(b)
			vlen, v := binary.Uvarint(b[max(k, 0):])
			if k <= 0 || v <= 0 {
				return nil, errChunk
			}
			del := vlen == 0
			vlen -= min(vlen, 1)
			if b = b[k+v:]; klen > uint64(len(b)) || vlen > uint64(len(b))-klen {
				return nil, errChunk
			}
			if del {
				_ = ch.Delete(b[:klen])
			} else {
				_ = ch.Put(b[:klen], b[klen:klen+vlen])
			}
			b = b[klen+vlen:]
		}
		ch.sort(func() {}) // which they are: all pieces become one list
		parts = append(parts, opPart{id, ch})
	}
	return parts, nil
}

var errChunk = sqlerr.New(sqlerr.DataCorrupted, "state file holds a malformed journal")

// journalOf reads which journal is valid.
func journalOf(tx *bbolt.Tx) (number, chunks uint64) {
	if b := tx.Bucket(metaBucket); b != nil {
		if v := b.Get(journalKey); len(v) == 16 {
			return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])
		}
	}
	return 0, 0
}

// setMeta makes a checkpoint valid; a journal of no chunks is none, and its number is that of the last.
func setMeta(tx *bbolt.Tx, meta []byte, number, chunks uint64) error {
	b, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if number == 0 {
		number, _ = journalOf(tx)
	}
	if err := b.Put(metaKey, meta); err != nil {
		return err
	}
	return setJournal(tx, number, chunks)
}

func setJournal(tx *bbolt.Tx, number, chunks uint64) error {
	v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, number), chunks)
	return tx.Bucket(metaBucket).Put(journalKey, v)
}

// dropJournals frees the pages of journals.
func dropJournals(tx *bbolt.Tx) error {
	if tx.Bucket(journalBucket) == nil {
		return nil
	}
	return tx.DeleteBucket(journalBucket)
}

// clearJournals frees the chunks of some journals.
func clearJournals(b *bbolt.Bucket, which func(number uint64) bool) error {
	var keys [][]byte
	if err := b.ForEach(func(k, _ []byte) error {
		if which(binary.BigEndian.Uint64(k)) {
			keys = append(keys, slices.Clone(k))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// longValue is what is stored under the hash of a key that is too long.
func longValue(k, v []byte) []byte {
	return slices.Concat(binary.AppendUvarint(nil, uint64(len(k))), k, v)
}
