package state

import "slices"

// merged returns the elements of pieces in order; those that are equal stay as they were. It sorts each piece by itself
// and then merges them two by two, so that it can rest between: a long list takes seconds, and the cores are others',
// too.
func merged[T any](pieces [][]T, compare func(a, b T) int, rest func()) []T {
	for _, piece := range pieces {
		slices.SortStableFunc(piece, compare)
		rest()
	}
	for len(pieces) > 1 {
		next := make([][]T, 0, (len(pieces)+1)/2)
		for i := 0; i < len(pieces); i += 2 {
			if i+1 == len(pieces) {
				next = append(next, pieces[i])
				break
			}
			next = append(next, merge2(pieces[i], pieces[i+1], compare, rest))
			pieces[i], pieces[i+1] = nil, nil
		}
		pieces = next
	}
	if len(pieces) == 0 {
		return nil
	}
	return pieces[0]
}

// merge2 merges two sorted lists.
func merge2[T any](a, b []T, compare func(a, b T) int, rest func()) []T {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 || compare(a[len(a)-1], b[0]) <= 0 {
		return append(a, b...)
	}
	out := make([]T, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if compare(a[0], b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
		if len(out)%pieceChanges == 0 {
			rest()
		}
	}
	return append(append(out, a...), b...)
}
