package engine

import (
	"bytes"
	"slices"

	"github.com/leatdb/leat/engine/format"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// Inferred is what a sample of a topic's records looks like.
type Inferred struct {
	Fields []format.Field // of the values, which are JSON objects
	// Key is the type of the records' keys in the format KAFKA; Unknown where there are none.
	Key types.Type
	// Records is how many were looked at, Others how many of their values are no JSON objects.
	Records, Others int
}

// Infer looks at up to limit records of a topic, from the beginning of each partition. Without a JSON object among
// their values it fails.
func (e *Engine) Infer(topic string, limit int) (*Inferred, error) {
	r, err := e.readTopic(topic)
	if err != nil {
		return nil, err
	}
	var keys, values [][]byte
	var offsets []int64
	for left := true; left && len(values) < limit; {
		left = false
		for part := range r.ids {
			if err := r.read(part); err != nil {
				return nil, translate(err)
			}
			n := min(r.recs.Len(), limit-len(values))
			left = left || n > 0
			for i := range n {
				keys = append(keys, bytes.Clone(r.recs.Keys[i]))
				values = append(values, bytes.Clone(r.recs.Values[i]))
				offsets = append(offsets, r.recs.Offsets[i])
			}
		}
	}
	fields, objects, bad := format.InferJSON(values)
	if objects == 0 {
		err := sqlerr.New(sqlerr.InvalidTableDefinition, "nothing can be inferred from topic %q", topic).
			WithHint("Name the columns and the value_format; PRINT shows what is in a topic.")
		if len(values) == 0 {
			return nil, err.WithDetail("It has no records.")
		}
		if bad < 0 {
			return nil, err.WithDetail("None of %d records has a value.", len(values))
		}
		return nil, err.WithDetail("None of %d records is a JSON object; the first that is not has offset %d.",
			len(values), offsets[bad])
	}
	nulls := 0
	for _, v := range values {
		if v == nil || string(bytes.TrimSpace(v)) == "null" {
			nulls++
		}
	}
	return &Inferred{Fields: fields, Key: keyType(keys), Records: len(values), Others: len(values) - objects - nulls}, nil
}

// keyType guesses what keys are in the format KAFKA: text, or integers of 4 or 8 bytes.
func keyType(keys [][]byte) types.Type {
	keys = slices.DeleteFunc(keys, func(k []byte) bool { return k == nil })
	all := func(is func([]byte) bool) bool {
		return !slices.ContainsFunc(keys, func(k []byte) bool { return !is(k) })
	}
	switch {
	case len(keys) == 0:
		return types.Unknown
	case all(isText):
		return types.Text
	case all(func(k []byte) bool { return len(k) == 4 }):
		return types.Int4
	case all(func(k []byte) bool { return len(k) == 8 }):
		return types.Int8
	}
	return types.Bytea
}
