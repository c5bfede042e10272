package catalog

import "strings"

// TempPrefix begins the names of the schemas of temporary relations, of which every session that has some has one.
const TempPrefix = "pg_temp_"

// TempAlias is what a session calls its own.
const TempAlias = "pg_temp"

// Temporary reports whether a schema is one of temporary relations.
func Temporary(schema string) bool { return strings.HasPrefix(schema, TempPrefix) }
