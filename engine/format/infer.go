package format

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/leatdb/leat/sql/types"
)

// A Field is a field of the objects of a sample and the type that holds all of its values.
type Field struct {
	Name string
	Type types.Type
}

// InferJSON finds the fields of the JSON objects in a sample, in the order in which they first came. objects counts
// the values that are objects; bad is the position of the first that is something else, -1 for none. Nulls count as
// neither.
func InferJSON(sample [][]byte) (fields []Field, objects, bad int) {
	all := &shape{}
	bad = -1
	for i, v := range sample {
		if v == nil {
			continue
		}
		s, err := shapeOf(v)
		switch {
		case err == nil && s.kind == shapeNull:
		case err == nil && s.kind == shapeObject:
			objects++
			all.merge(s)
		case bad < 0:
			bad = i
		}
	}
	for _, name := range all.names {
		fields = append(fields, Field{name, all.fields[name].typ()})
	}
	return fields, objects, bad
}

// shape is what is known of the values at one place of a sample.
type shape struct {
	kind   shapeKind
	names  []string // of an object's fields, in the order of their coming
	fields map[string]*shape
	elem   *shape // of an array
}

type shapeKind uint8

const (
	shapeNull shapeKind = iota // nothing but nulls
	shapeBool
	shapeInt
	shapeBig // an integer that is no bigint
	shapeFloat
	shapeDate
	shapeTime  // a timestamp
	shapeTimeZ // a timestamp with a zone
	shapeText  // also what is one thing here and another there
	shapeArray
	shapeObject
)

// shapeOf reads the shape of one JSON value.
func shapeOf(src []byte) (*shape, error) {
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	s, err := readShape(d, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, strconv.ErrSyntax
	}
	return s, nil
}

func readShape(d *json.Decoder, depth int) (*shape, error) {
	t, err := d.Token()
	if err != nil || depth == 0 {
		return nil, cmp.Or(err, strconv.ErrRange)
	}
	switch t := t.(type) {
	case bool:
		return &shape{kind: shapeBool}, nil
	case json.Number:
		return &shape{kind: numberShape(t.String())}, nil
	case string:
		return &shape{kind: textShape(t)}, nil
	case json.Delim:
		if t == '[' {
			return readArray(d, depth-1)
		}
		return readObject(d, depth-1)
	}
	return &shape{}, nil
}

func readArray(d *json.Decoder, depth int) (*shape, error) {
	s := &shape{kind: shapeArray, elem: &shape{}}
	for d.More() {
		e, err := readShape(d, depth)
		if err != nil {
			return nil, err
		}
		s.elem.merge(e)
	}
	_, err := d.Token()
	return s, err
}

func readObject(d *json.Decoder, depth int) (*shape, error) {
	s := &shape{kind: shapeObject, fields: map[string]*shape{}}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		v, err := readShape(d, depth)
		if err != nil {
			return nil, err
		}
		s.add(name, v)
	}
	_, err := d.Token()
	return s, err
}

func (s *shape) add(name string, v *shape) {
	had := s.fields[name]
	if had == nil {
		had = &shape{}
		s.names, s.fields[name] = append(s.names, name), had
	}
	had.merge(v)
}

func numberShape(n string) shapeKind {
	if bytes.ContainsAny([]byte(n), ".eE") {
		return shapeFloat
	}
	if _, err := strconv.ParseInt(n, 10, 64); err != nil {
		return shapeBig
	}
	return shapeInt
}

// textShape tells dates and times, written as ISO 8601 has it, from other text.
func textShape(s string) shapeKind {
	for _, f := range []struct {
		layout string
		kind   shapeKind
	}{
		{"2006-01-02", shapeDate},
		{"2006-01-02T15:04:05", shapeTime}, {"2006-01-02 15:04:05", shapeTime},
		{"2006-01-02T15:04:05Z07:00", shapeTimeZ}, {"2006-01-02 15:04:05Z07:00", shapeTimeZ},
	} {
		if _, err := time.Parse(f.layout, s); err == nil {
			return f.kind
		}
	}
	return shapeText
}

// merge makes s the shape of what it is of and of what o is of.
func (s *shape) merge(o *shape) {
	switch {
	case o.kind == shapeNull:
		return
	case s.kind == shapeNull:
		*s = *o
		return
	case s.kind == o.kind && s.kind == shapeArray:
		s.elem.merge(o.elem)
		return
	case s.kind == o.kind && s.kind == shapeObject:
		for _, name := range o.names {
			s.add(name, o.fields[name])
		}
		return
	case s.kind == o.kind:
		return
	}
	low, high := min(s.kind, o.kind), max(s.kind, o.kind)
	*s = shape{kind: shapeText}
	if low >= shapeInt && high <= shapeFloat || low == shapeDate && high == shapeTime {
		s.kind = high // 1 and 2.5 are floating point; a day is a time
	}
}

// typ is the type of a column that holds all values of the shape.
func (s *shape) typ() types.Type {
	switch s.kind {
	case shapeBool:
		return types.Bool
	case shapeInt:
		return types.Int8
	case shapeBig:
		return types.Numeric
	case shapeFloat:
		return types.Float8
	case shapeDate:
		return types.Date
	case shapeTime:
		return types.Timestamp
	case shapeTimeZ:
		return types.TimestampTZ
	case shapeArray:
		return types.ArrayOf(s.elem.typ())
	case shapeObject:
		if len(s.names) == 0 {
			return types.MapOf(types.Text, types.Text)
		}
		var fs []types.Field
		for _, name := range s.names {
			fs = append(fs, types.Field{Name: name, Type: s.fields[name].typ()})
		}
		return types.StructOf(fs...)
	}
	return types.Text
}
