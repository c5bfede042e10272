package types

import "bytes"

// CompareJSONB compares two jsonb values in PostgreSQL's order.
func CompareJSONB(a, b []byte) int {
	return bytes.Compare(AppendJSONBKey(nil, a), AppendJSONBKey(nil, b))
}

// AppendJSONBKey appends bytes that order jsonb values.
func AppendJSONBKey(dst, v []byte) []byte { return append(append(dst, v...), 0) }
