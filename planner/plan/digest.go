package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/leatdb/leat/sql/types"
)

// Digest is short for what a tree computes and how: its nodes and expressions, their order and types. Trees of one
// statement that have the same digest keep the same state. Names do not matter, nor places in the text, nor fields that
// are empty: a field that a later version adds changes the digest where it says something.
func Digest(n Node) string {
	var d digester
	d.value(reflect.ValueOf(n))
	sum := sha256.Sum256([]byte(d.String()))
	return hex.EncodeToString(sum[:12])
}

type digester struct{ strings.Builder }

// undigested are fields that say nothing about what is computed, or what others say as well.
var undigested = map[string]bool{
	"Name": true, "Names": true, "Pos": true, "AtPos": true, "Key": true, "AppendOnly": true,
	"Part": true, // of a Scan: the part has a digest of its own
	"Rel":  true, "Index": true, "By": true,
}

func (d *digester) value(v reflect.Value) {
	if !v.IsValid() {
		d.WriteString("-")
		return
	}
	if v.CanInterface() && d.known(v.Interface()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		d.value(v.Elem())
	case reflect.Struct:
		if v.CanInterface() {
			if named := v.FieldByName("Name"); v.Type().PkgPath() != reflect.TypeFor[Scan]().PkgPath() && named.IsValid() {
				d.WriteString(named.String()) // a function
				return
			}
		}
		d.fields(v)
	case reflect.Slice, reflect.Array:
		d.WriteString("[")
		for i := range v.Len() {
			d.value(v.Index(i))
			d.WriteString(" ")
		}
		d.WriteString("]")
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		fmt.Fprintf(d, "%#v", v)
	default:
		panic("BUG: a plan holds a " + v.Kind().String())
	}
}

// known writes what is not written field by field. It reports whether x is such.
func (d *digester) known(x any) bool {
	switch x := x.(type) {
	case types.Type:
		d.WriteString(x.String())
	case types.Value:
		fmt.Fprintf(d, "%s %t %q", x.Type, x.Null, x.String())
	case *Col:
		if x == nil {
			return false
		}
		fmt.Fprintf(d, "$%d %s", x.Index, x.Typ)
	case *Scan:
		d.scan(x)
	default:
		return false
	}
	return true
}

func (d *digester) fields(v reflect.Value) {
	d.WriteString(v.Type().Name() + "{")
	for i := range v.NumField() {
		f, x := v.Type().Field(i), v.Field(i)
		if !f.IsExported() || undigested[f.Name] && !keyed(v.Type(), f.Name) || x.IsZero() {
			continue
		}
		d.WriteString(f.Name + ":")
		d.value(x)
		d.WriteString(" ")
	}
	d.WriteString("}")
}

// keyed tells the fields whose names are those of others, and that matter.
func keyed(t reflect.Type, field string) bool {
	switch field {
	case "Key":
		return t == reflect.TypeFor[Closing]()
	case "By":
		return t != reflect.TypeFor[JoinIndex]() && t != reflect.TypeFor[Probe]()
	case "Index":
		return t != reflect.TypeFor[Scan]()
	}
	return false
}

// scan writes what a scan gives. The columns of a relation have other numbers when one before them was dropped: the
// order in which they come says which they are.
func (d *digester) scan(s *Scan) {
	if s == nil {
		d.WriteString("-")
		return
	}
	sorted := slices.Clone(s.Cols)
	slices.Sort(sorted)
	fmt.Fprintf(d, "Scan{#%d %s null:%t", s.Rel.ID, s.Rel.Kind, s.NullRows)
	for i, at := range s.Cols {
		if at >= 0 {
			at, _ = slices.BinarySearch(sorted, at)
		}
		fmt.Fprintf(d, " %d %s", at, s.Sch.Cols[i].Type)
	}
	d.WriteString("}")
}
