package group

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A Topic is a topic that members may consume.
type Topic struct {
	Name       string
	ID         [16]byte
	Partitions int
}

// A topicID is a topic's identity; as text it is hex digits.
type topicID [16]byte

// MarshalText implements encoding.TextMarshaler.
func (t topicID) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(t[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *topicID) UnmarshalText(b []byte) error {
	_, err := hex.Decode(t[:], b)
	return err
}

// parts are partitions of topics, in order. Topics without partitions are not in it. Nobody changes one that is made.
type parts map[topicID][]int32

func partsOf(topics []kmsg.ConsumerGroupHeartbeatRequestTopic) parts {
	if topics == nil {
		return nil
	}
	out := parts{}
	for _, t := range topics {
		if len(t.Partitions) > 0 {
			out[t.TopicID] = slices.Compact(slices.Sorted(slices.Values(t.Partitions)))
		}
	}
	return out
}

// pick returns the partitions that satisfy keep.
func (p parts) pick(keep func(topicID, int32) bool) parts {
	out := parts{}
	for t, numbers := range p {
		for _, n := range numbers {
			if keep(t, n) {
				out[t] = append(out[t], n)
			}
		}
	}
	return out
}

func (p parts) has(t topicID, n int32) bool {
	_, found := slices.BinarySearch(p[t], n)
	return found
}

func (p parts) and(q parts) parts { return p.pick(q.has) }

func (p parts) less(q parts) parts {
	return p.pick(func(t topicID, n int32) bool { return !q.has(t, n) })
}

func (p parts) or(q parts) parts {
	out := parts{}
	for _, from := range []parts{p, q} {
		for t, numbers := range from {
			out[t] = append(out[t], numbers...)
		}
	}
	for t := range out {
		slices.Sort(out[t])
		out[t] = slices.Compact(out[t])
	}
	return out
}

func (p parts) equal(q parts) bool {
	return maps.EqualFunc(p, q, func(a, b []int32) bool { return slices.Equal(a, b) })
}

// order lists the topics by ID.
func (p parts) order() []topicID {
	return slices.SortedFunc(maps.Keys(p), func(a, b topicID) int { return bytes.Compare(a[:], b[:]) })
}

func (p parts) response() *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	out := &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
	for _, t := range p.order() {
		out.Topics = append(out.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{TopicID: t, Partitions: p[t]})
	}
	return out
}

func (p parts) describe(names map[topicID]string) kmsg.Assignment {
	var out kmsg.Assignment
	for _, t := range p.order() {
		out.TopicPartitions = append(out.TopicPartitions,
			kmsg.AssignmentTopicPartition{TopicID: t, Topic: names[t], Partitions: p[t]})
	}
	return out
}

// assignRange gives each member a range of every topic that it wants.
func assignRange(topics map[topicID]int, wanted map[string]map[topicID]bool) map[string]parts {
	target := emptyTargets(wanted)
	members := slices.Sorted(maps.Keys(wanted))
	for t, n := range topics {
		among := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return !wanted[m][t] })
		next := 0
		for i, m := range among {
			share := n / len(among)
			if i < n%len(among) {
				share++
			}
			for range share {
				target[m][t] = append(target[m][t], int32(next))
				next++
			}
		}
	}
	return target
}

// assignUniform gives the members equally many partitions, as far as what they want allows, and leaves to each what it
// has as far as that allows.
func assignUniform(topics map[topicID]int, wanted map[string]map[topicID]bool, before map[string]parts,
) map[string]parts {
	members := slices.Sorted(maps.Keys(wanted))
	owner := map[topicID][]string{}
	count := map[string]int{}
	var order []topicID
	for t, n := range topics {
		owner[t] = make([]string, n)
		order = append(order, t)
	}
	slices.SortFunc(order, func(a, b topicID) int { return bytes.Compare(a[:], b[:]) })
	for _, m := range members {
		for t, numbers := range before[m] {
			for _, n := range numbers {
				if wanted[m][t] && int(n) < len(owner[t]) && owner[t][n] == "" {
					owner[t][n] = m
					count[m]++
				}
			}
		}
	}
	least := func(t topicID) string {
		among := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return !wanted[m][t] })
		return slices.MinFunc(among, func(a, b string) int {
			return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a, b))
		})
	}
	for moved := true; moved; {
		moved = false
		for _, t := range order {
			for n, m := range owner[t] {
				to := least(t)
				if m != "" && count[to] >= count[m]-1 {
					continue
				}
				if m != "" {
					count[m]--
				}
				owner[t][n] = to
				count[to]++
				moved = true
			}
		}
	}
	target := emptyTargets(wanted)
	for _, t := range order {
		for n, m := range owner[t] {
			target[m][t] = append(target[m][t], int32(n))
		}
	}
	return target
}

func emptyTargets(wanted map[string]map[topicID]bool) map[string]parts {
	target := map[string]parts{}
	for m := range wanted {
		target[m] = parts{}
	}
	return target
}
