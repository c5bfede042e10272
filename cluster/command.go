package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/leatdb/leat/log"
)

// entryFormat is the first byte of every shard entry.
const entryFormat = 1

// opKind says what an operation in a shard entry does.
type opKind uint8

const (
	opAppend opKind = 1
	opStep   opKind = 2
	opClaim  opKind = 3
	opTrim   opKind = 4
	opCreate opKind = 5
	opDrop   opKind = 6
	// opGuarded leaves numbers between for operations to come.
	opGuarded opKind = 16
)

// An op is one operation of a shard entry. doc.go draws its bytes.
type op struct {
	kind             opKind
	flow, epoch, seq uint64        // opStep; flow: opClaim
	start            int64         // opTrim
	partitions       []PartitionID // opTrim (one), opCreate, opDrop
	appends          []Append      // opAppend, opStep, opGuarded
	guards           []Guard       // opGuarded
}

var errEntry = errors.New("cluster: malformed entry")

// size returns how many bytes the operation takes in an entry.
func (o *op) size() int {
	n := 5
	switch o.kind {
	case opStep:
		n += 24
	case opClaim, opTrim:
		n += 8
	case opGuarded:
		n += 4 + guardBytes*len(o.guards)
	}
	if o.kind == opAppend || o.kind == opStep || o.kind == opGuarded {
		for _, a := range o.appends {
			n += 12 + len(a.Batches)
		}
		return n
	}
	return n + 8*len(o.partitions)
}

// encode appends the operation to an entry.
func (o *op) encode(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, byte(o.kind))
	b = le.AppendUint32(b, uint32(o.size()-5))
	switch o.kind {
	case opStep:
		b = le.AppendUint64(b, o.flow)
		b = le.AppendUint64(b, o.epoch)
		b = le.AppendUint64(b, o.seq)
	case opClaim:
		b = le.AppendUint64(b, o.flow)
	case opTrim:
		b = le.AppendUint64(b, uint64(o.start))
	case opGuarded:
		b = encodeGuards(b, o.guards)
	}
	for _, p := range o.partitions {
		b = le.AppendUint64(b, uint64(p))
	}
	for _, a := range o.appends {
		b = le.AppendUint64(b, uint64(a.Partition))
		b = le.AppendUint32(b, uint32(len(a.Batches)))
		b = append(b, a.Batches...)
	}
	return b
}

// decodeEntry takes an entry apart. The batches point into it.
func decodeEntry(b []byte) ([]op, error) {
	if len(b) == 0 || b[0] != entryFormat {
		return nil, fmt.Errorf("%w: unknown format", errEntry)
	}
	var ops []op
	for b = b[1:]; len(b) > 0; {
		if len(b) < 5 {
			return nil, fmt.Errorf("%w: %d bytes left", errEntry, len(b))
		}
		kind, n := opKind(b[0]), binary.LittleEndian.Uint32(b[1:])
		if b = b[5:]; uint64(n) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: operation of %d bytes in %d", errEntry, n, len(b))
		}
		o, err := decodeOp(kind, b[:n])
		if err != nil {
			return nil, err
		}
		ops = append(ops, o)
		b = b[n:]
	}
	return ops, nil
}

func decodeOp(kind opKind, b []byte) (op, error) {
	le := binary.LittleEndian
	o := op{kind: kind}
	fixed := map[opKind]int{opStep: 24, opClaim: 8, opTrim: 16}[kind]
	if len(b) < fixed {
		return op{}, fmt.Errorf("%w: operation %d in %d bytes", errEntry, kind, len(b))
	}
	switch kind {
	case opStep:
		o.flow, o.epoch, o.seq = le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:])
		b = b[24:]
	case opClaim:
		o.flow = le.Uint64(b)
		b = b[8:]
	case opTrim:
		o.start = int64(le.Uint64(b))
		b = b[8:]
	}
	var err error
	switch kind {
	case opAppend, opStep:
		o.appends, err = decodeAppends(b)
	case opGuarded:
		if o.guards, b, err = decodeGuards(b); err == nil {
			o.appends, err = decodeAppends(b)
		}
	case opTrim, opCreate, opDrop:
		if len(b)%8 != 0 || (kind == opTrim && len(b) != 8) {
			return op{}, fmt.Errorf("%w: partitions in %d bytes", errEntry, len(b))
		}
		for ; len(b) > 0; b = b[8:] {
			o.partitions = append(o.partitions, PartitionID(le.Uint64(b)))
		}
	case opClaim:
		if len(b) > 0 {
			err = fmt.Errorf("%w: %d bytes behind a claim", errEntry, len(b))
		}
	default:
		err = fmt.Errorf("%w: unknown operation %d", errEntry, kind)
	}
	return o, err
}

func decodeAppends(b []byte) ([]Append, error) {
	var appends []Append
	for len(b) > 0 {
		if len(b) < 12 {
			return nil, fmt.Errorf("%w: %d bytes behind the batches", errEntry, len(b))
		}
		p, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
		if b = b[12:]; uint64(n) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: batches of %d bytes in %d", errEntry, n, len(b))
		}
		appends = append(appends, Append{PartitionID(p), b[:n:n]})
		b = b[n:]
	}
	return appends, nil
}

// checkBatches verifies batches once, before they are proposed; Apply relies on it.
func checkBatches(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("%w: no batch", log.ErrCorrupt)
	}
	for len(b) > 0 {
		h, n, err := log.Check(b)
		if err != nil {
			return err
		}
		if h.Records == 0 {
			return fmt.Errorf("%w: batch without records", log.ErrCorrupt)
		}
		b = b[n:]
	}
	return nil
}
