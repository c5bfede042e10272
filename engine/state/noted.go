package state

// noted lists keys that changed. It grows by pieces: copying a long list to a larger place would hold up whoever
// changes one key more.
type noted struct {
	pieces [][]string
	// deleted are those of them that are no longer in the tree, which so cannot say that they are noted.
	deleted map[string]struct{}
}

// pieceKeys is how long the pieces are; the first is shorter, since most lists are.
const pieceKeys = 4096

func (l *noted) add(k string) {
	last := len(l.pieces) - 1
	if last < 0 || len(l.pieces[last]) == cap(l.pieces[last]) {
		size := pieceKeys
		if last < 0 {
			size = 16
		} else if last < 4 {
			size = 4 * cap(l.pieces[last])
		}
		l.pieces = append(l.pieces, make([]string, 0, size))
		last++
	}
	l.pieces[last] = append(l.pieces[last], k)
}

// gone notes that a key that is in the list has left the tree.
func (l *noted) gone(k string) {
	if l.deleted == nil {
		l.deleted = map[string]struct{}{}
	}
	l.deleted[k] = struct{}{}
}

// back reports whether a key that comes into the tree is in the list already.
func (l *noted) back(k string) bool {
	if len(l.deleted) == 0 {
		return false
	}
	_, is := l.deleted[k]
	if is {
		delete(l.deleted, k)
	}
	return is
}
