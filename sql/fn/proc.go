package fn

import (
	"cmp"
	_ "embed" // for the lists of functions
	"hash/fnv"
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
	// Volatility is 'i', 's' or 'v', as in pg_proc.
	Volatility byte
	Strict     bool
	// Internal functions read and print the types. They can be named, as in pg_type, but not called; their types are
	// told by number alone, as they take some that nothing else has.
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
		p := Proc{Name: f[1], Kind: 'f', Internal: true, OID: number(f[0]), RetOID: number(f[2]), Volatility: f[4][0],
			Strict: f[5] == "t"}
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

// numberLines are PostgreSQL's numbers of the functions that it has too, one a line: number, name, types of the
// arguments.
//
//go:embed numbers.txt
var numberLines string

// procNumbers are the numbers of numberLines by signature.
var procNumbers = sync.OnceValue(func() map[string]int64 {
	m := map[string]int64{}
	for _, line := range strings.Split(strings.TrimSpace(numberLines), "\n") {
		f := strings.Split(line, "\t")
		m[f[1]+"("+f[2]+")"] = number(f[0])
	}
	return m
})

// identify gives p its numbers. Clients keep them, so that of a function is PostgreSQL's, or made of the name and the
// types of the arguments: it does not change when other functions are added.
func (p *Proc) identify() {
	var args []string
	for _, a := range p.Args {
		oid := procType(a)
		p.ArgOIDs = append(p.ArgOIDs, int64(oid))
		args = append(args, strconv.Itoa(int(oid)))
	}
	p.RetOID = int64(procType(p.Ret))
	if p.Set && p.Ret == (types.Type{}) {
		p.RetOID = int64(types.RecordOID)
	}
	signature := p.Name + "(" + strings.Join(args, " ") + ")"
	if oid, ok := procNumbers()[signature]; ok {
		p.OID = oid
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(signature)) // never fails
	p.OID = int64(h.Sum32()>>2 | 1<<30)
}

// procType is the number of the type of an argument, where anything may stand for a polymorphic one.
func procType(t types.Type) uint32 {
	switch t {
	case AnyArray, AnyCompatArray:
		return 2277
	case AnyEnum:
		return 3500
	case AnyElement, AnyCompat, AnyNonArray, AnyCompatNonArray:
		return 2283
	case Any, AnyMap, AnyStruct:
		return 2276
	}
	return t.OID()
}

// volatility is what pg_proc says of a function that is marked so.
func volatility(volatile, stable bool) byte {
	switch {
	case volatile:
		return 'v'
	case stable:
		return 's'
	}
	return 'i'
}

// Procs lists the functions of the server in the order of their names and numbers; operators are not among them. The
// slice is shared: do not change it.
var Procs = sync.OnceValue(func() []Proc {
	var ps []Proc
	for _, f := range Tables() {
		p := Proc{Name: f.Name, Kind: 'f', Args: f.Args, Set: true, Volatility: volatility(f.Volatile, f.Stable),
			Strict: f.Strict}
		if len(f.Cols) == 1 {
			p.Ret = f.Cols[0].Type
		}
		ps = append(ps, p)
	}
	for _, f := range Scalars() {
		if isWord(f.Name) {
			ps = append(ps, Proc{Name: f.Name, Kind: 'f', Args: f.Args, Ret: f.Ret,
				Volatility: volatility(f.Volatile, f.Stable), Strict: f.Strict})
		}
	}
	for _, f := range Aggregates() {
		ps = append(ps, Proc{Name: f.Name, Kind: 'a', Args: f.Args, Ret: f.Ret, Volatility: 'i'})
	}
	for _, f := range Windows() {
		ps = append(ps, Proc{Name: f.Name, Kind: 'w', Args: f.Args, Ret: f.Ret, Volatility: 'i'})
	}
	seen := map[int64]bool{}
	for i := range ps {
		ps[i].identify()
	}
	ps = slices.DeleteFunc(ps, func(p Proc) bool { // what differs in how it is called only, as with a lambda
		was := seen[p.OID]
		seen[p.OID] = true
		return was
	})
	ps = append(ps, internalProcs()...)
	slices.SortFunc(ps, func(a, b Proc) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.OID, b.OID))
	})
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
