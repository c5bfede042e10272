package fn

import (
	_ "embed" // for the list of internal functions
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/leatdb/leat/sql/types"
)

// A Proc is an overload of a function of the server, as pg_proc lists it.
type Proc struct {
	OID  int64
	Name string
	Kind byte // 'f' for a function, 'a' for an aggregate, 'w' for a window function
	Args []types.Type
	Ret  types.Type
	Set  bool // it gives rows
	// Internal functions read and print the types. They can be named, as in pg_type, but not called; their types are
	// told by number, as they take some that nothing else has.
	Internal bool
	ArgOIDs  []int64
	RetOID   int64
}

// internalLines are the internal functions, with PostgreSQL's numbers, one a line: number, name, type of the result,
// types of the arguments, volatility and strictness.
//
//go:embed io.txt
var internalLines string

// internalProcs reads the list of internal functions.
func internalProcs() []Proc {
	var ps []Proc
	for _, line := range strings.Split(strings.TrimSpace(internalLines), "\n") {
		f := strings.Split(line, "\t")
		p := Proc{Name: f[1], Kind: 'f', Internal: true, OID: number(f[0]), RetOID: number(f[2])}
		for _, a := range strings.Fields(f[3]) {
			p.ArgOIDs = append(p.ArgOIDs, number(a))
		}
		ps = append(ps, p)
	}
	return ps
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic("BUG: fn: number of an internal function: " + s)
	}
	return n
}

// firstProc is the number of the first one; objects that clients make have higher ones.
const firstProc = 5000

// Procs lists the functions of the server in the order of their names and numbers; operators are not among them. The
// slice is shared: do not change it.
var Procs = sync.OnceValue(func() []Proc {
	var ps []Proc
	for _, f := range Scalars() {
		if isWord(f.Name) {
			ps = append(ps, Proc{Name: f.Name, Kind: 'f', Args: f.Args, Ret: f.Ret})
		}
	}
	for _, f := range Aggregates() {
		ps = append(ps, Proc{Name: f.Name, Kind: 'a', Args: f.Args, Ret: f.Ret})
	}
	for _, f := range Tables() {
		p := Proc{Name: f.Name, Kind: 'f', Args: f.Args, Set: true}
		if len(f.Cols) == 1 {
			p.Ret = f.Cols[0].Type
		}
		ps = append(ps, p)
	}
	for _, f := range Windows() {
		ps = append(ps, Proc{Name: f.Name, Kind: 'w', Args: f.Args, Ret: f.Ret})
	}
	slices.SortStableFunc(ps, func(a, b Proc) int { return strings.Compare(a.Name, b.Name) })
	for i := range ps {
		ps[i].OID = int64(firstProc + i)
	}
	ps = append(ps, internalProcs()...)
	slices.SortStableFunc(ps, func(a, b Proc) int { return strings.Compare(a.Name, b.Name) })
	return ps
})

// ProcsNamed returns the functions of the server of that name.
func ProcsNamed(name string) []Proc {
	ps := Procs()
	at, _ := slices.BinarySearchFunc(ps, name, func(p Proc, name string) int { return strings.Compare(p.Name, name) })
	end := at
	for end < len(ps) && ps[end].Name == name {
		end++
	}
	return ps[at:end]
}

// ProcByOID returns the function of the server with that number.
func ProcByOID(oid int64) (Proc, bool) {
	p, ok := procsByOID()[oid]
	return p, ok
}

var procsByOID = sync.OnceValue(func() map[int64]Proc {
	m := map[int64]Proc{}
	for _, p := range Procs() {
		m[p.OID] = p
	}
	return m
})

// isWord reports whether a name is one of a function and not the symbol of an operator.
func isWord(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
