// Package state keeps what operators remember: ordered maps in memory (Map) whose changed keys a checkpoint writes to
// one bbolt file per dataflow (Store), in one transaction together with the input offsets they belong to.
//
// Invariants:
//
//  1. The file always holds one whole checkpoint: all keys of all operators and the metadata of the same step.
//  2. Changes that were collected are written sooner or later, or lost together with everything collected after them:
//     a checkpoint that failed is merged into the next.
package state

// Writer takes the keys that changed since the last checkpoint. The last call for a key counts. Both arguments are
// borrowed.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}
