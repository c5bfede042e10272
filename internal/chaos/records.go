package chaos

import (
	"cmp"
	"fmt"
	"slices"
)

// An Outcome is what a client was told.
type Outcome int

// The outcomes.
const (
	// Unknown: it may have happened, then or later, or not.
	Unknown Outcome = iota
	Done
	Refused
)

// A Name is a record's own: which of its producer's records it is. Numbers of a producer grow.
type Name struct {
	Producer string
	Number   int
}

// A Sent is a record that a producer has sent. Txn is the number of its transaction, 0 for none.
type Sent struct {
	Name
	Topic     string
	Partition int32
	Offset    int64 // where it is, as was acknowledged; -1 when it was not
	Outcome   Outcome
	Txn       int
}

// A Seen is a record that a consumer has read.
type Seen struct {
	Name
	Topic     string
	Partition int32
	Offset    int64
}

// A Poll is what a consumer has read, in order, from one assignment of partitions to the next.
type Poll []Seen

// Records is what was sent to topics and read from them.
type Records struct {
	Sent  []Sent
	Txns  map[int]Outcome
	Final []Seen // what is there at the end, by a consumer of committed records
	Polls []Poll // by such consumers meanwhile
}

type findings []error

func (f *findings) add(format string, args ...any) {
	if len(*f) < 30 {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

type spot struct {
	topic     string
	partition int32
	offset    int64
}

func (s Seen) spot() spot { return spot{s.Topic, s.Partition, s.Offset} }

// Check returns what cannot be.
func (r *Records) Check() []error {
	var wrong findings
	sent := map[Name]*Sent{}
	for i := range r.Sent {
		sent[r.Sent[i].Name] = &r.Sent[i]
	}
	found, at := map[Name]Seen{}, map[spot]Seen{}
	for _, s := range r.Final {
		if before, twice := found[s.Name]; twice {
			wrong.add("%v is there twice: at %v and at %v", s.Name, before.spot(), s.spot())
		}
		found[s.Name], at[s.spot()] = s, s
		switch of := sent[s.Name]; {
		case of == nil:
			wrong.add("%v is at %v, and nobody has sent it", s.Name, s.spot())
		case of.Topic != s.Topic || of.Partition != s.Partition:
			wrong.add("%v was sent to %s/%d and is at %v", s.Name, of.Topic, of.Partition, s.spot())
		case of.Outcome == Refused:
			wrong.add("%v was refused and is at %v", s.Name, s.spot())
		}
	}
	for _, s := range r.Sent {
		f, there := found[s.Name]
		switch {
		case s.Txn != 0 || s.Outcome != Done:
		case !there:
			wrong.add("%v was acknowledged at %s/%d/%d and is not there", s.Name, s.Topic, s.Partition, s.Offset)
		case s.Offset >= 0 && s.Offset != f.Offset:
			wrong.add("%v was acknowledged at offset %d and is at %v", s.Name, s.Offset, f.spot())
		}
	}
	r.checkTxns(found, &wrong)
	r.checkOrder(&wrong)
	for _, p := range r.Polls {
		r.checkPoll(p, at, &wrong)
	}
	return wrong
}

// checkTxns checks that transactions are there whole or not at all, as was said.
func (r *Records) checkTxns(found map[Name]Seen, wrong *findings) {
	there, all := map[int]int{}, map[int]int{}
	for _, s := range r.Sent {
		if s.Txn == 0 {
			continue
		}
		all[s.Txn]++
		if _, ok := found[s.Name]; ok {
			there[s.Txn]++
		}
	}
	for txn, n := range all {
		switch of := r.Txns[txn]; {
		case of == Done && there[txn] < n:
			wrong.add("transaction %d was committed, and %d of its %d records are there", txn, there[txn], n)
		case of == Refused && there[txn] > 0:
			wrong.add("transaction %d was aborted, and %d of its %d records are there", txn, there[txn], n)
		case there[txn] != 0 && there[txn] != n:
			wrong.add("%d of the %d records of transaction %d are there", there[txn], n, txn)
		}
	}
}

// checkOrder checks that each producer's records are in the order in which it sent them.
func (r *Records) checkOrder(wrong *findings) {
	final := slices.SortedFunc(slices.Values(r.Final), bySpot)
	type lane struct {
		topic     string
		partition int32
		producer  string
	}
	last := map[lane]Seen{}
	for _, s := range final {
		l := lane{s.Topic, s.Partition, s.Producer}
		if before, ok := last[l]; ok && before.Number > s.Number {
			wrong.add("%v at %v comes after %v at %v", s.Name, s.spot(), before.Name, before.spot())
		}
		last[l] = s
	}
}

func bySpot(a, b Seen) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// checkPoll checks that a consumer has read what is there, in order and with nothing left out.
func (r *Records) checkPoll(p Poll, at map[spot]Seen, wrong *findings) {
	type lane struct {
		topic     string
		partition int32
	}
	last := map[lane]int64{}
	for _, s := range p {
		if f, ok := at[s.spot()]; !ok || f.Name != s.Name {
			wrong.add("%v was read at %v, where %v is in the end", s.Name, s.spot(), f.Name)
		}
		l := lane{s.Topic, s.Partition}
		before, began := last[l]
		if began && s.Offset <= before {
			wrong.add("a consumer read offset %d of %s/%d after %d", s.Offset, s.Topic, s.Partition, before)
		}
		for o := before + 1; began && o < s.Offset; o++ {
			if missed, ok := at[spot{s.Topic, s.Partition, o}]; ok {
				wrong.add("a consumer was not given %v at %v, and then %v", missed.Name, missed.spot(), s.spot())
			}
		}
		last[l] = s.Offset
	}
}
