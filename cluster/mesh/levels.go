package mesh

import (
	"io"
	"maps"
)

// Levels are those from Min to Max of what nodes write that a node's binary works at: see package cluster.
type Levels struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Has reports whether a level is one of them. A binary from before there were levels, which says none, has the first.
func (l Levels) Has(level int) bool {
	if l == (Levels{}) {
		l = Levels{1, 1}
	}
	return l.Min <= level && level <= l.Max
}

// Each calls do for every connection that there is with another node, with the levels that the greeting told. End cuts
// the connection.
func (m *Mesh) Each(do func(l Levels, end func())) {
	m.mu.Lock()
	all := maps.Clone(m.greeted)
	m.mu.Unlock()
	for c, l := range all {
		do(l, func() { c.Close() })
	}
}

// met remembers what a connection's greeting told, until the connection ends.
func (m *Mesh) met(c io.Closer, l Levels) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.greeted[c] = l
}

func (m *Mesh) parted(c io.Closer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.greeted, c)
}

// admit is Config.Admit of a node, or of somebody who wants to be one.
func (m *Mesh) admit(version string, l Levels) (refusal string, final bool) {
	if m.cfg.Admit == nil {
		return "", false
	}
	return m.cfg.Admit(version, l)
}
