package vec

// Batch is a set of changes to a relation: rows, how often each is added or taken away, and when it happened.
type Batch struct {
	Cols []*Column
	// Diff[i] is how many copies of row i come (positive) or go (negative). Nil means +1 for every row, which is all
	// that an append-only relation has.
	Diff []int32
	// Time[i] is the event time of row i in milliseconds since 1970-01-01 UTC. Nil where no operator needs it.
	Time []int64
	// N is the number of rows; it counts even when there is no column.
	N int
}
