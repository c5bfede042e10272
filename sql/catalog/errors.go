package catalog

import "github.com/leatdb/leat/sql/types"

// ErrorColumns are the columns of leat_catalog.errors, and of every stream that dead letters go to.
func ErrorColumns() []Column {
	return []Column{
		{Name: "time", Type: types.TimestampTZ}, {Name: "relation", Type: types.Text}, {Name: "query", Type: types.Text},
		{Name: "topic", Type: types.Text}, {Name: "partition", Type: types.Int4}, {Name: "offset", Type: types.Int8},
		{Name: "sqlstate", Type: types.Text}, {Name: "reason", Type: types.Text}, {Name: "record", Type: types.Text},
		{Name: "key", Type: types.Bytea}, {Name: "bytes", Type: types.Bytea},
	}
}
