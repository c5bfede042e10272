package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// kafkaModel is a small model of what Kafka promises to producers, transactions and groups. It knows nothing of
// entries, shards or files.
type kafkaModel struct {
	t       *rapid.T
	n       *Node
	cfg     Config
	now     *time.Time
	p       []PartitionID
	parts   []modelPartition
	clients map[string]*modelClient // by transactional id
	zombies []Txn                   // producers that were fenced
	late    []EndTxn                // ends that were answered
	plain   Producer
	groups  map[string]map[PartitionID]modelCommit
	commits int64   // how many there were
	ends    []int64 // the last stable offsets seen
}

type modelPartition struct {
	records []modelRecord
	seq     map[Producer]int32 // the next sequence number
	sent    map[Producer][]modelBatch
}

type modelRecord struct {
	value   string
	txn     string // transactional id, while it is undecided
	aborted bool
}

// modelCommit is an offset and when it was committed: the later commit counts, whenever its transaction ends.
type modelCommit struct{ offset, order int64 }

type modelBatch struct {
	seq    int32
	offset int64
	data   []byte
}

type modelClient struct {
	Txn
	open   bool
	began  time.Time
	joined map[int]bool
	groups map[string]map[PartitionID]modelCommit
	value  int
}

// end says of the records of a transaction that they count or do not.
func (m *kafkaModel) end(c *modelClient, commit bool) {
	for i := range m.parts {
		for j := range m.parts[i].records {
			if r := &m.parts[i].records[j]; r.txn == c.TransactionalID {
				r.txn, r.aborted = "", !commit
			}
		}
	}
	for g, offsets := range c.groups {
		for p, o := range offsets {
			if commit && o.order > m.groups[g][p].order {
				m.groups[g][p] = o
			}
		}
	}
	c.open, c.joined, c.groups = false, map[int]bool{}, map[string]map[PartitionID]modelCommit{}
}

// fits fails the test when an error is another than expected.
func (m *kafkaModel) fits(err error, want ...error) {
	m.t.Helper()
	if len(want) == 0 && err == nil {
		return
	}
	if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		m.t.Fatalf("got %v, want %v", err, want)
	}
}

func (m *kafkaModel) client() *modelClient {
	ids := slices.Sorted(maps.Keys(m.clients))
	return m.clients[rapid.SampledFrom(ids).Draw(m.t, "client")]
}

func (m *kafkaModel) partition() int { return rapid.IntRange(0, len(m.p)-1).Draw(m.t, "partition") }

// send produces and notes what must have come of it.
func (m *kafkaModel) send(i int, by Txn, seq int32, add bool, want ...error) {
	m.t.Helper()
	q := &m.parts[i]
	value := fmt.Sprint("v", by.Producer, "-", len(q.records))
	data := sent(by.Producer, seq, by.TransactionalID != "", value)
	p, err := m.n.Produce(m.t.Context(), Produce{m.p[i], data, by.TransactionalID, add})
	var done Produced
	if err == nil {
		done, err = p.Wait(m.t.Context())
	}
	m.fits(err, want...)
	if err != nil {
		return
	}
	q.records = append(q.records, modelRecord{value: value, txn: by.TransactionalID})
	q.seq[by.Producer] = seq + 1
	q.sent[by.Producer] = append(q.sent[by.Producer], modelBatch{seq, done.Base, data})
}

func (m *kafkaModel) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": m.check,
		"init": func(*rapid.T) {
			c := m.client()
			known := nobody
			if rapid.Bool().Draw(m.t, "known") {
				known = c.Producer
			}
			next, err := m.n.InitProducer(m.t.Context(),
				ProducerRequest{TransactionalID: c.TransactionalID, Timeout: time.Minute, Known: known})
			m.fits(err)
			if next == c.Producer {
				m.t.Fatalf("%+v again", next)
			}
			m.zombies = append(m.zombies, c.Txn)
			m.end(c, false)
			c.Producer = next
		},
		"plain": func(*rapid.T) {
			i := m.partition()
			m.send(i, Txn{"", m.plain}, m.parts[i].seq[m.plain], false)
		},
		"out of order": func(*rapid.T) {
			i := m.partition()
			if seq := m.parts[i].seq[m.plain]; seq > 0 {
				m.send(i, Txn{"", m.plain}, seq+1+int32(rapid.IntRange(0, 3).Draw(m.t, "ahead")), false, ErrOutOfOrder)
			}
		},
		"again": func(*rapid.T) {
			i := m.partition()
			sent := m.parts[i].sent[m.plain]
			if len(sent) == 0 {
				return
			}
			age := rapid.IntRange(1, min(len(sent), 8)).Draw(m.t, "age")
			b := sent[len(sent)-age]
			p, err := m.n.Produce(m.t.Context(), Produce{Partition: m.p[i], Batches: b.data})
			m.fits(err)
			done, err := p.Wait(m.t.Context())
			if age > keptBatches {
				m.fits(err, ErrOutOfOrder)
			} else if err != nil || done.Base != b.offset {
				m.t.Fatalf("batch at %d again: %d, %v", b.offset, done.Base, err)
			}
		},
		"transactional": func(*rapid.T) {
			c, i, add := m.client(), m.partition(), rapid.Bool().Draw(m.t, "add")
			if !c.joined[i] && !add {
				m.send(i, c.Txn, m.parts[i].seq[c.Producer], false, ErrTxnState)
				return
			}
			m.send(i, c.Txn, m.parts[i].seq[c.Producer], add)
			m.begin(c)
			c.joined[i] = true
		},
		"join": func(*rapid.T) {
			c, i := m.client(), m.partition()
			m.fits(m.n.AddToTxn(m.t.Context(), c.Txn, []PartitionID{m.p[i]}, nil))
			m.begin(c)
			c.joined[i] = true
		},
		"offsets": func(*rapid.T) {
			c, i := m.client(), m.partition()
			g := rapid.SampledFrom([]string{"g", "h"}).Draw(m.t, "group")
			offset := int64(rapid.IntRange(0, 1000).Draw(m.t, "offset"))
			m.fits(m.n.CommitOffsets(m.t.Context(), OffsetCommit{Group: g, Generation: -1, Txn: c.Txn, AddToTxn: true,
				Offsets: []GroupOffset{{Partition: m.p[i], Offset: offset}}}))
			m.begin(c)
			if c.groups[g] == nil {
				c.groups[g] = map[PartitionID]modelCommit{}
			}
			m.commits++
			c.groups[g][m.p[i]] = modelCommit{offset, m.commits}
		},
		"end": func(*rapid.T) {
			c := m.client()
			e := EndTxn{c.Txn, rapid.Bool().Draw(m.t, "commit"), true}
			next, err := m.n.EndTxn(m.t.Context(), e)
			if !c.open && e.Commit {
				m.fits(err, ErrTxnState)
				return
			}
			m.fits(err)
			m.end(c, e.Commit)
			m.late = append(m.late, e)
			c.Producer = next
		},
		"late end": func(*rapid.T) {
			if len(m.late) == 0 {
				return
			}
			e := rapid.SampledFrom(m.late).Draw(m.t, "end")
			_, _ = m.n.EndTxn(m.t.Context(), e) // it may be told what it was told before; check sees whether it did anything
		},
		"zombie": func(*rapid.T) {
			if len(m.zombies) == 0 {
				return
			}
			z := rapid.SampledFrom(m.zombies).Draw(m.t, "zombie")
			m.send(m.partition(), z, 0, true, ErrProducerEpoch, ErrProducerFenced, ErrTxnState, ErrProducerMapping)
			m.fits(m.n.AddToTxn(m.t.Context(), z, m.p, nil), ErrProducerFenced, ErrProducerMapping)
			_, err := m.n.EndTxn(m.t.Context(), EndTxn{z, true, false})
			m.fits(err, ErrProducerFenced, ErrProducerMapping)
		},
		"time passes": func(*rapid.T) {
			*m.now = m.now.Add(20 * time.Second)
			m.n.tendTxns(m.t.Context(), m.now.UnixMilli())
			for _, c := range m.clients {
				if c.open && m.now.Sub(c.began) > time.Minute {
					m.zombies = append(m.zombies, c.Txn)
					m.end(c, false)
					d, _ := m.n.Transaction(c.TransactionalID)
					c.Producer = d.Producer // whoever asks next is given one behind it
				}
			}
		},
		"restart": func(*rapid.T) {
			if rapid.Bool().Draw(m.t, "snapshot") {
				m.fits(m.n.Snapshot())
			}
			m.fits(m.n.Close())
			n, err := Open(m.t.Context(), m.cfg)
			m.fits(err)
			m.n = n
		},
	}
}

func (m *kafkaModel) begin(c *modelClient) {
	if !c.open {
		c.open, c.began = true, *m.now
	}
}

// check compares what readers see with the model.
func (m *kafkaModel) check(*rapid.T) {
	for i, q := range m.parts {
		var want []string
		for _, r := range q.records {
			if r.txn != "" {
				break
			}
			if !r.aborted {
				want = append(want, r.value)
			}
		}
		if got := committedValues(m.t, m.n, m.p[i]); !slices.Equal(got, want) {
			m.t.Fatalf("partition %d shows %v, want %v", i, got, want)
		}
		start, next, err := m.n.Bounds(m.p[i])
		m.fits(err)
		stable, err := m.n.LastStable(m.p[i])
		m.fits(err)
		if stable < m.ends[i] || stable > next || start != 0 {
			m.t.Fatalf("stable from %d to %d, of %d", m.ends[i], stable, next)
		}
		m.ends[i] = stable
	}
	for g, want := range m.groups {
		offsets, err := m.n.Offsets(g)
		m.fits(err)
		got := map[PartitionID]modelCommit{}
		for _, o := range offsets {
			if o.Offset != noOffset {
				got[o.Partition] = modelCommit{o.Offset, want[o.Partition].order}
			}
		}
		if !maps.Equal(got, want) {
			m.t.Fatalf("group %s has %v, want %v", g, got, want)
		}
	}
}

// TestKafkaModel runs random commands against the model.
func TestKafkaModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.UnixMilli(1_000_000)
		cfg := testConfig(t.TempDir())
		cfg.Now, cfg.TxnCheck, cfg.RetentionCheck = func() time.Time { return now }, time.Hour, time.Hour
		cfg.Shards = rapid.IntRange(1, 3).Draw(rt, "shards")
		n, err := Open(t.Context(), cfg)
		if err != nil {
			rt.Fatal(err)
		}
		m := &kafkaModel{t: rt, n: n, cfg: cfg, now: &now, p: create(t, n, "t", 4),
			parts: make([]modelPartition, 4), ends: make([]int64, 4), clients: map[string]*modelClient{},
			groups: map[string]map[PartitionID]modelCommit{"g": {}, "h": {}}}
		defer func() { m.fits(m.n.Close()) }()
		for i := range m.parts {
			m.parts[i] = modelPartition{seq: map[Producer]int32{}, sent: map[Producer][]modelBatch{}}
		}
		m.plain, err = n.InitProducer(rt.Context(), ProducerRequest{Known: nobody})
		m.fits(err)
		for _, id := range []string{"a", "b", "c"} {
			m.clients[id] = &modelClient{Txn: initTxn(t, n, id), joined: map[int]bool{},
				groups: map[string]map[PartitionID]modelCommit{}}
		}
		rt.Repeat(m.actions())
	})
}
