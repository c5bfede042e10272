package cluster

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/leatdb/leat/log"
)

// entryFormat is the first byte of every shard entry. The proposer's time follows it.
const (
	entryFormat    = 2
	entryHeaderLen = 9
)

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

	opInit        opKind = 32
	opJoin        opKind = 33
	opBegin       opKind = 34
	opEnd         opKind = 35
	opMark        opKind = 36
	opDone        opKind = 37
	opOffsets     opKind = 38
	opPutGroup    opKind = 39
	opForgetGroup opKind = 40
	opExpire      opKind = 41
	opCompact     opKind = 42
)

// A command is an operation whose body is JSON: those that are not on the way of every record.
type command interface {
	// apply applies the command in its shard. An error besides the result's halts the shard.
	apply(s *shard, e *entry) (result, error)
}

// newCommand makes an empty command of a kind, nil when the kind is none of a command.
func newCommand(kind opKind) command {
	switch kind {
	case opInit:
		return new(cmdInit)
	case opJoin:
		return new(cmdJoin)
	case opBegin:
		return new(cmdBegin)
	case opEnd:
		return new(cmdEnd)
	case opMark:
		return new(cmdMark)
	case opDone:
		return new(cmdDone)
	case opOffsets:
		return new(cmdOffsets)
	case opPutGroup:
		return new(cmdPutGroup)
	case opForgetGroup:
		return new(cmdForgetGroup)
	case opExpire:
		return new(cmdExpire)
	case opCompact:
		return new(cmdCompact)
	}
	return nil
}

// An entry is what the operations of one raft entry have in common.
type entry struct {
	epoch int32 // the raft term
	now   int64 // milliseconds: the proposer's clock, but never earlier than in the entries before
	grew  bool  // something was appended
}

// An op is one operation of a shard entry. doc.go draws its bytes.
type op struct {
	kind             opKind
	flow, epoch, seq uint64        // opStep; flow: opClaim
	start            int64         // opTrim
	partitions       []PartitionID // opTrim (one), opCreate, opDrop
	appends          []Append      // opAppend, opStep, opGuarded
	guards           []Guard       // opGuarded
	stamp            []bool        // of appends: whose records get the entry's time, nil: nobody's. Not in the entry
	body             []byte        // of a command
}

// commandOp makes the operation of a command.
func commandOp(kind opKind, c command) op {
	body, err := json.Marshal(c)
	if err != nil {
		panic("BUG: cluster: a command is not JSON: " + err.Error())
	}
	return op{kind: kind, body: body}
}

var errEntry = errors.New("cluster: malformed entry")

// size returns how many bytes the operation takes in an entry.
func (o *op) size() int {
	n := 5 + len(o.body)
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

// beginEntry begins an entry of about size bytes.
func beginEntry(size int, nowMs int64) []byte {
	b := append(make([]byte, 0, size), entryFormat)
	return binary.LittleEndian.AppendUint64(b, uint64(nowMs))
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
	return append(b, o.body...)
}

// stampTimes gives the records of an append, as encode has just put it into entry, the time of the entry.
func (o *op) stampTimes(entry []byte, nowMs int64) {
	at := len(entry)
	for _, a := range o.appends {
		at -= 12 + len(a.Batches)
	}
	for i, a := range o.appends {
		if at += 12; !o.stamp[i] {
			at += len(a.Batches)
			continue
		}
		for end := at + len(a.Batches); at < end; {
			h, batch, _, err := log.NextBatch(entry[at:end])
			if err != nil {
				panic("BUG: cluster: batches changed while they were appended: " + err.Error())
			}
			log.StampAppendTime(batch, nowMs)
			at += h.Size()
		}
	}
}

// decodeEntry takes an entry apart. The batches point into it.
func decodeEntry(b []byte) (nowMs int64, ops []op, err error) {
	if len(b) < entryHeaderLen || b[0] != entryFormat {
		return 0, nil, fmt.Errorf("%w: unknown format", errEntry)
	}
	nowMs = int64(binary.LittleEndian.Uint64(b[1:]))
	for b = b[entryHeaderLen:]; len(b) > 0; {
		if len(b) < 5 {
			return 0, nil, fmt.Errorf("%w: %d bytes left", errEntry, len(b))
		}
		kind, n := opKind(b[0]), binary.LittleEndian.Uint32(b[1:])
		if b = b[5:]; uint64(n) > uint64(len(b)) {
			return 0, nil, fmt.Errorf("%w: operation of %d bytes in %d", errEntry, n, len(b))
		}
		o, err := decodeOp(kind, b[:n])
		if err != nil {
			return 0, nil, err
		}
		ops = append(ops, o)
		b = b[n:]
	}
	return nowMs, ops, nil
}

func decodeOp(kind opKind, b []byte) (op, error) {
	le := binary.LittleEndian
	o := op{kind: kind}
	if len(b) < o.fixed() {
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
		if newCommand(kind) == nil {
			err = fmt.Errorf("%w: unknown operation %d", errEntry, kind)
		}
		o.body = b
	}
	return o, err
}

// fixed is how many bytes the operation has at least.
func (o *op) fixed() int {
	switch o.kind {
	case opStep:
		return 24
	case opTrim:
		return 16
	case opClaim:
		return 8
	}
	return 0
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
		if h.ProducerID != NoProducer {
			return fmt.Errorf("%w: a batch of an idempotent producer goes through Produce", ErrRecord)
		}
		b = b[n:]
	}
	return nil
}
