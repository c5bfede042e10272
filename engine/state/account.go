package state

// Cached is state that need not all be in memory.
type Cached interface {
	// Held estimates what it holds in memory, and how much of that the file does not have yet.
	Held() (bytes, dirty int64)
	// Evict frees about n bytes of what the file has too, and returns how much it could.
	Evict(n int64) int64
	// Warm reads about n entries back from the file; it reports whether there are more to read.
	Warm(n int) (more bool)
	// Spilled counts what was read from the file because it was wanted, and estimates how many bytes are missing in
	// memory: 0 when nothing is. When that is not known it is Little, as long as nothing was evicted, then Much.
	Spilled() (reads, missing int64)
}

// What may be missing.
const (
	Little = 1
	Much   = 1 << 50
)

// missingBytes is what is missing when n entries are, or an unknown number, while bytes are those of have.
func missingBytes(n int, known, evicted bool, bytes int64, have int) int64 {
	switch {
	case known:
		return int64(n) * max(bytes/int64(max(have, 1)), entryOverhead)
	case evicted:
		return Much
	}
	return Little
}

// Account adds up the state of one query, or of one table; accounts may be part of another. The dataflow's goroutine
// owns it. A nil Account adds up nothing.
type Account struct {
	// Limit is how many bytes it may hold in memory; 0 for no limit of its own.
	Limit   int64
	members []Cached
	evicted int64
	op      uint32
}

// Of says of which operator the maps are that are made next.
func (a *Account) Of(op uint32) {
	if a != nil {
		a.op = op
	}
}

// NewMap returns an empty map that is part of the account.
func (a *Account) NewMap() *Map {
	m := NewMap()
	if a != nil {
		m.op = a.op
		a.Add(m)
	}
	return m
}

// Place says where the account's maps are, which are about to be restored, so that they can be evicted meanwhile.
func (a *Account) Place(s *Store, owner uint64) {
	for _, c := range a.members {
		if m, ok := c.(*Map); ok {
			m.region = s.Region(owner, m.op)
			m.base = m.region
		}
	}
}

// Add makes c part of the account.
func (a *Account) Add(c Cached) {
	if a != nil {
		a.members = append(a.members, c)
	}
}

// Remove takes c out of the account.
func (a *Account) Remove(c Cached) {
	for i, m := range a.members {
		if m == c {
			a.members = append(a.members[:i:i], a.members[i+1:]...)
			return
		}
	}
}

// Held is the sum of what its members hold.
func (a *Account) Held() (bytes, dirty int64) {
	for _, m := range a.members {
		b, d := m.Held()
		bytes, dirty = bytes+b, dirty+d
	}
	return bytes, dirty
}

// HeldBy is what the maps of an operator hold.
func (a *Account) HeldBy(op uint32) (bytes int64) {
	for _, c := range a.members {
		if m, ok := c.(*Map); ok && m.op == op {
			bytes += m.bytes
		}
	}
	return bytes
}

// Evict frees about n bytes, from each member in proportion to what it holds, and returns how much it could.
func (a *Account) Evict(n int64) (freed int64) {
	all, _ := a.Held()
	for _, m := range a.members {
		if b, _ := m.Held(); b > 0 {
			freed += m.Evict(max(int64(float64(n)/float64(all)*float64(b)), 1))
		}
	}
	a.evicted += freed
	return freed
}

// Warm reads about n entries back from the file and reports whether there are more to read.
func (a *Account) Warm(n int) (more bool) {
	for _, m := range a.members {
		if _, missing := m.Spilled(); missing > 0 && m.Warm(n) {
			return true
		}
	}
	return false
}

// Spilled implements Cached.
func (a *Account) Spilled() (reads, missing int64) {
	for _, m := range a.members {
		r, n := m.Spilled()
		reads, missing = reads+r, missing+n
	}
	return reads, missing
}

// Use is what an account comes to.
type Use struct {
	// Bytes are in memory, of at most Limit, where there is one.
	Bytes, Limit int64
	// Reads is how often something was read back, Evicted how many bytes were freed.
	Reads, Evicted int64
	// Partial tells that not all of it is in memory.
	Partial bool
}

// Use returns what the account comes to.
func (a *Account) Use() Use {
	u := Use{Limit: a.Limit, Evicted: a.evicted}
	u.Bytes, _ = a.Held()
	var missing int64
	u.Reads, missing = a.Spilled()
	u.Partial = missing > 0
	return u
}
