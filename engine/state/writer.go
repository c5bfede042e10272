// Package state keeps what operators remember: ordered maps (Map) whose changed keys a checkpoint writes to one bbolt
// file per dataflow (Store), together with the input offsets they belong to. What a checkpoint has written may be
// evicted from memory, and is read from the file when it is wanted again.
//
// Invariants:
//
//  1. The file always holds one whole checkpoint: all keys of all operators and the metadata of the same step. A
//     checkpoint that is too large for one transaction is first written as a journal (journal.go).
//  2. Changes that were collected are written sooner or later, or lost together with everything collected after them:
//     a checkpoint that failed is merged into the next.
//  3. Nothing is evicted before the checkpoint with its last change has been written and Settle has said so. Until then
//     the file's versions may differ in such keys, and nobody looks them up there.
package state

// Writer takes the keys that changed since the last checkpoint. The last call for a key counts. Both arguments are
// borrowed.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Gradual is a Writer of a checkpoint that need not have everything at once.
type Gradual interface {
	Writer
	// Later has some called until it reports that there is no more; each time it puts about n keys, as they were when
	// Later was called. done is told whether the checkpoint was written.
	Later(some func(n int) (more bool, err error), done func(ok bool))
	// Region is where the keys are found once they are written.
	Region() *Region
}
