package state

// At returns the i-th key, in order, with its value; i counts from 0. Both are views.
func (s *Snapshot) At(i int) (key, value []byte, ok bool) {
	k, e, ok := s.t.GetAt(i)
	return bytesOf(k), bytesOf(e.val), ok
}
