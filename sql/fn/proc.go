package fn

import (
	"slices"
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
	ps := Procs()
	if i := oid - firstProc; i >= 0 && i < int64(len(ps)) {
		return ps[i], true
	}
	return Proc{}, false
}

// isWord reports whether a name is one of a function and not the symbol of an operator.
func isWord(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
