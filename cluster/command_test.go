package cluster

import (
	"bytes"
	"reflect"
	"testing"
)

func allOps() []op {
	return []op{
		{kind: opAppend, appends: []Append{{1, batch("a")}, {2, batch("b", "c")}}},
		{kind: opStep, flow: 3, epoch: 4, seq: 5, appends: []Append{{1, batch("d")}}},
		{kind: opStep, flow: 3, epoch: 4, seq: 6},
		{kind: opClaim, flow: 9},
		{kind: opTrim, partitions: []PartitionID{7}, start: 1 << 40},
		{kind: opCreate, partitions: []PartitionID{1, 2, 3}},
		{kind: opDrop, partitions: []PartitionID{2}},
		{kind: opGuarded, guards: []Guard{{1, 5, false}, {2, 1 << 33, true}}, appends: []Append{{1, batch("e")}}},
		{kind: opGuarded, appends: []Append{{1, batch("f")}}},
		commandOp(opInit, &cmdInit{ID: "t", TimeoutMs: 1000, Known: nobody}),
	}
}

func encodeAll(ops []op) []byte {
	b := beginEntry(0, 1234)
	for _, o := range ops {
		n := len(b)
		b = o.encode(b)
		if len(b)-n != o.size() {
			panic("BUG: an operation's size is not what it encodes to")
		}
	}
	return b
}

func TestEntryRoundTrip(t *testing.T) {
	want := allOps()
	now, got, err := decodeEntry(encodeAll(want))
	if err != nil || now != 1234 || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	entry := encodeAll(want)
	for n := range len(entry) {
		if _, ops, err := decodeEntry(entry[:n]); err == nil && len(ops) == len(want) {
			t.Fatalf("%d of %d bytes decode to everything", n, len(entry))
		}
	}
}

// FuzzEntry decodes any bytes: what decodes encodes to the same bytes.
func FuzzEntry(f *testing.F) {
	f.Add(encodeAll(allOps()))
	f.Add([]byte{entryFormat, 0, 0, 0, 0, 0, 0, 0, 0, byte(opTrim), 8, 0, 0, 0, 1})
	f.Add([]byte{entryFormat, 0, 0, 0, 0, 0, 0, 0, 0, byte(opAppend), 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, entry []byte) {
		_, ops, err := decodeEntry(entry)
		if err != nil {
			return
		}
		if again := encodeAll(ops); !bytes.Equal(again[entryHeaderLen:], entry[entryHeaderLen:]) {
			t.Fatalf("%x decodes to %+v, which encodes to %x", entry, ops, again)
		}
	})
}
