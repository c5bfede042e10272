package fn

// CatalogInfo is what functions may ask of the system catalog. Objects are numbered within the catalog relation that
// lists them: pg_class, pg_type, pg_proc, pg_namespace, pg_authid, pg_database …
type CatalogInfo interface {
	// Name gives an object's name and the schema that it is in.
	Name(relation string, oid int64) (schema, name string, ok bool)
	// Find gives the numbers of the objects of a name, which several have only in pg_proc; an empty schema stands for
	// those of the search path. In pg_attribute the number of a relation stands for the schema.
	Find(relation, schema, name string) []int64
	// Definition gives the SQL of a view, an index, a constraint, a default; column is 0 for the whole. Of pg_proc it
	// gives the whole statement.
	Definition(relation string, oid int64, column int) (sql string, ok bool)
	// Comment gives the comment on an object or, when column is not 0, on its column.
	Comment(relation string, oid int64, column int) (text string, ok bool)
}

// What Definition gives of functions besides the whole statement: these stand for the catalog relation.
const (
	FunctionArguments = "arguments of pg_proc"
	FunctionIdentity  = "identity of pg_proc"
	FunctionResult    = "result of pg_proc"
	// FunctionTypes gives the types of a function's arguments, as regprocedure writes them.
	FunctionTypes = "types of pg_proc"
	// SerialSequence gives the name of the sequence of a column, in the form that nextval takes.
	SerialSequence = "sequence of pg_attribute"
)
