package state

// Whole tells that all keys are in memory.
func (s *Snapshot) Whole() bool { return s.base == nil }

// Spread calls fn for every n-th key of those in memory, from the first on, as Scan does.
func (s *Snapshot) Spread(n int, fn func(key, value []byte)) {
	for i := 0; i < s.t.Len(); i += n {
		if k, e, ok := s.t.GetAt(i); ok && !e.gone {
			fn(bytesOf(k), bytesOf(e.val))
		}
	}
}
