package engine

import (
	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/fn"
)

// storage tells how much is stored. It implements fn.Storage.
type storage struct{ e *Engine }

// Storage returns what tells how much is stored.
func (e *Engine) Storage() fn.Storage { return storage{e} }

// Size implements fn.Storage.
func (s storage) Size(relation uint32) (bytes, rows int64, known bool) {
	rel, ok := s.e.Catalog().ByID(relation)
	if !ok || !rel.Stored() {
		return 0, 0, false
	}
	if t, ok := s.e.node.Topic(rel.Topic); ok {
		bytes = s.topic(t)
	}
	if rel.Kind == catalog.Stream {
		return bytes, s.e.streamRecords(rel), true
	}
	if sample := s.e.sample(rel); sample != nil {
		return bytes, sample.Count, true
	}
	return bytes, 0, false
}

// Total implements fn.Storage.
func (s storage) Total() (bytes int64) {
	for _, t := range s.e.Topics() {
		bytes += s.topic(t)
	}
	return bytes
}

// Position implements fn.Storage.
func (s storage) Position() (records int64) {
	for _, t := range s.e.Topics() {
		for _, id := range t.IDs {
			if _, end, err := s.e.node.Bounds(id); err == nil {
				records += end
			}
		}
	}
	return records
}

// topic is what a topic takes on disk.
func (s storage) topic(t cluster.Topic) (bytes int64) {
	for _, id := range t.IDs {
		if n, err := s.e.node.SizeBytes(id); err == nil {
			bytes += n
		}
	}
	return bytes
}
