package fn

import "sort"

// These hold every overload by name. They are filled once, by init, and never change.
var (
	scalars    = map[string][]*Scalar{}
	aggregates = map[string][]*Aggregate{}
	tables     = map[string][]*Table{}
	windows    = map[string][]*Window{}
)

// init gathers the declarations of the subject files. It is a function, not an initialiser, because some kernels
// resolve functions themselves.
func init() {
	for _, section := range sections() {
		category := ""
		for i := range section {
			f := &section[i]
			if f.Doc.Category == "" {
				f.Doc.Category = category
			}
			category = f.Doc.Category
			scalars[f.Name] = append(scalars[f.Name], f)
		}
	}
	for i, fs := 0, aggregateDeclarations(); i < len(fs); i++ {
		if fs[i].Doc.Category == "" {
			fs[i].Doc.Category = "aggregate"
		}
		aggregates[fs[i].Name] = append(aggregates[fs[i].Name], &fs[i])
	}
	for i, fs := 0, tableDeclarations(); i < len(fs); i++ {
		if fs[i].Doc.Category == "" {
			fs[i].Doc.Category = "set-returning"
		}
		tables[fs[i].Name] = append(tables[fs[i].Name], &fs[i])
	}
	for i, fs := 0, windowDecls(); i < len(fs); i++ {
		fs[i].Doc.Category = "window"
		windows[fs[i].Name] = append(windows[fs[i].Name], &fs[i])
	}
}

// IsScalar reports whether there is a scalar function of this name.
func IsScalar(name string) bool {
	_, ok := scalars[name]
	return ok
}

// Parameters returns the names of the arguments of a scalar function, nil when they have none, and the SQL of one that
// is left out.
func Parameters(name string) (params []string, otherwise string) {
	for _, f := range scalars[name] {
		if len(f.Params) > len(params) {
			params, otherwise = f.Params, f.Default
		}
	}
	return params, otherwise
}

// IsAggregate reports whether there is an aggregate function of this name.
func IsAggregate(name string) bool {
	_, ok := aggregates[name]
	return ok
}

// IsTable reports whether there is a set-returning function of this name.
func IsTable(name string) bool {
	_, ok := tables[name]
	return ok
}

// IsWindow reports whether there is a window function of this name that is not an aggregate.
func IsWindow(name string) bool {
	_, ok := windows[name]
	return ok
}

// Scalars returns every overload of every function and operator, ordered by name.
func Scalars() []*Scalar {
	var all []*Scalar
	for _, name := range names(scalars) {
		all = append(all, scalars[name]...)
	}
	return all
}

// Aggregates returns every overload of every aggregate function, ordered by name.
func Aggregates() []*Aggregate {
	var all []*Aggregate
	for _, name := range names(aggregates) {
		all = append(all, aggregates[name]...)
	}
	return all
}

// Tables returns every overload of every set-returning function, ordered by name.
func Tables() []*Table {
	var all []*Table
	for _, name := range names(tables) {
		all = append(all, tables[name]...)
	}
	return all
}

// Windows returns every overload of every window function, ordered by name.
func Windows() []*Window {
	var all []*Window
	for _, name := range names(windows) {
		all = append(all, windows[name]...)
	}
	return all
}

func names[F any](m map[string]F) []string {
	var ns []string
	for n := range m {
		ns = append(ns, n)
	}
	sort.Strings(ns)
	return ns
}
