package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Window is one overload of a window function, which gives a value to every row of a partition by the rows around it.
// Aggregates serve as window functions too, but are not declared as such.
type Window struct {
	Name   string
	Args   []types.Type // may hold the pseudo-types of polymorphic.go
	Ret    types.Type
	Kernel WindowKernel
	// Reach says which rows the value of a row depends on.
	Reach Reach
	// Nulls tells that the function takes IGNORE NULLS.
	Nulls bool
	Doc   Doc
}

// Reach says which rows of a partition the value of a window function at a row depends on.
type Reach uint8

// The reaches.
const (
	ReachFrame  Reach = iota // those of its frame
	ReachNumber              // how many come before it: rows, or groups of peers
	ReachOffset              // one that is so many rows before or after it, by the second argument, 1 by default
	ReachAll                 // all
)

// WindowKernel computes a window function over rows of a partition: args hold them in the window's order, and out,
// which may hold other results, gets one value for each. Rows that fail are reported to c by their place in args.
type WindowKernel func(c *Call, p *Partition, args []*vec.Column, out *vec.Column)

// Partition says how rows of one partition lie to each other: all of them, or as many as the function's reach asks for.
type Partition struct {
	N int // rows, as in Call
	// Before is how many rows of the partition come before these, GroupsBefore how many groups of peers.
	Before, GroupsBefore int64
	// Peers[i] is where the peers of row i begin, the rows that ORDER BY does not tell apart: i itself for the first of
	// them.
	Peers []int32
	// Lo[i] to Hi[i], which is exclusive, are the rows of the frame of row i; an empty frame has Lo[i] >= Hi[i].
	Lo, Hi []int32
	// Exclude takes rows out of the frame.
	Exclude Exclusion
	// IgnoreNulls takes rows whose first argument is NULL out of the frame, and out of what lag and lead count.
	IgnoreNulls bool
}

// Exclusion is what EXCLUDE takes out of a frame.
type Exclusion uint8

// The exclusions.
const (
	ExcludeNothing Exclusion = iota
	ExcludeCurrent           // the row itself
	ExcludeGroup             // the row and its peers
	ExcludeTies              // the peers of the row, not the row
)

// Excludes reports whether EXCLUDE takes row k out of the frame of row i.
func (p *Partition) Excludes(i, k int) bool {
	switch p.Exclude {
	case ExcludeCurrent:
		return k == i
	case ExcludeGroup:
		return p.Peers[k] == p.Peers[i]
	case ExcludeTies:
		return k != i && p.Peers[k] == p.Peers[i]
	default:
		return false
	}
}

// ResolveWindow does for window functions what ResolveScalar does for others.
func ResolveWindow(name string, args []types.Type) (*Window, []types.Type, types.Type, error) {
	fs := windows[name]
	os := make([]overload, len(fs))
	for i, f := range fs {
		os[i] = overload{args: f.Args, ret: f.Ret}
	}
	c, ambiguous := resolve(os, args)
	if c == nil {
		return nil, nil, types.Unknown, noFunction(name, args, ambiguous)
	}
	return fs[c.at], c.to, c.ret, c.check()
}
