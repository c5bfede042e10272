package ast

import (
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Print returns a tree as text, for tests and for people: an S-expression that says everything but positions. Fields
// that are empty are left out; what does not fit on a line is broken and indented. node is a statement, a query, an
// expression or any other part of a tree.
func Print(node any) string {
	var b strings.Builder
	tree(reflect.ValueOf(node)).write(&b, 0)
	return b.String()
}

// printWidth is the longest line Print makes when it can break.
const printWidth = 100

// text is a printed node: a head, and what stands inside it.
type text struct {
	label string // "name=" of the field it is the value of
	open  string // "(" or "["; empty for an atom
	head  string
	kids  []text
}

func (t text) width() int {
	n := utf8.RuneCountInString(t.label) + len(t.open)*2 + utf8.RuneCountInString(t.head)
	for _, k := range t.kids {
		n += 1 + k.width()
	}
	return n
}

func (t text) write(b *strings.Builder, indent int) {
	b.WriteString(t.label + t.open + t.head)
	if t.open == "" {
		return
	}
	broken := indent+t.width() > printWidth
	for i, k := range t.kids {
		if broken {
			b.WriteString("\n" + strings.Repeat(" ", indent+2))
		} else if i > 0 || t.head != "" {
			b.WriteByte(' ')
		}
		k.write(b, indent+2)
	}
	if t.open == "(" {
		b.WriteByte(')')
	} else {
		b.WriteByte(']')
	}
}

func tree(v reflect.Value) text {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return text{head: "nil"}
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		return structTree(v)
	case reflect.Slice:
		l := text{open: "["}
		for i := range v.Len() {
			l.kids = append(l.kids, tree(v.Index(i)))
		}
		return l
	case reflect.String:
		return text{head: word(v.String())}
	case reflect.Bool:
		return text{head: strconv.FormatBool(v.Bool())}
	case reflect.Uint8:
		if e, ok := v.Interface().(Emit); ok {
			return text{head: e.String()}
		}
		return text{head: strconv.FormatUint(v.Uint(), 10)}
	default:
		return text{head: strconv.FormatInt(v.Int(), 10)}
	}
}

// structTree prints the commonest expressions the short way and every other node by its fields.
func structTree(v reflect.Value) text {
	switch n := v.Interface().(type) {
	case Secret:
		return text{head: n.String()}
	case ColRef:
		return text{head: dotted(n.Name)}
	case Star:
		return text{head: dotted(append(append([]string(nil), n.Qual...), "*"))}
	case Lit:
		return text{head: n.String()}
	case Param:
		return text{head: "$" + strconv.Itoa(n.N)}
	case Name:
		return text{head: dotted(n.Parts)}
	case Type:
		return text{head: n.String()}
	case Duration:
		return text{head: strconv.FormatInt(n.N, 10) + " " + n.Unit}
	case Binary:
		if n.Schema == "" {
			return text{open: "(", head: n.Op, kids: []text{tree(reflect.ValueOf(n.L)), tree(reflect.ValueOf(n.R))}}
		}
	case Unary:
		if n.Schema == "" {
			return text{open: "(", head: n.Op, kids: []text{tree(reflect.ValueOf(n.X))}}
		}
	}
	t := text{open: "(", head: v.Type().Name()}
	for i := range v.NumField() {
		if f := v.Type().Field(i); !f.Anonymous && !v.Field(i).IsZero() {
			t.kids = append(t.kids, fieldTree(f, v.Field(i)))
		}
	}
	return t
}

func fieldTree(f reflect.StructField, v reflect.Value) text {
	name := strings.ToLower(f.Name[:1]) + f.Name[1:]
	if v.Kind() == reflect.Bool {
		return text{head: name}
	}
	var k text
	if parts, ok := v.Interface().([]string); ok && f.Name == "Name" {
		k.head = dotted(parts)
	} else {
		k = tree(v)
	}
	k.label = name + "="
	return k
}

// word quotes what does not read as one word.
func word(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"()[]=.,'*`, c) >= 0 {
			return strconv.Quote(s)
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

func dotted(parts []string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		if p == "*" {
			b.WriteString(p)
		} else {
			b.WriteString(word(p))
		}
	}
	return b.String()
}

// String returns the literal much as SQL writes it; a string with control characters is quoted as in Go, behind an E.
func (l *Lit) String() string {
	switch l.Kind {
	case LitString:
		if strings.IndexFunc(l.Text, unicode.IsControl) >= 0 {
			return "E" + strconv.Quote(l.Text)
		}
		return "'" + strings.ReplaceAll(l.Text, "'", "''") + "'"
	case LitBits:
		return l.Text[:1] + "'" + l.Text[1:] + "'"
	default:
		return l.Text
	}
}

// String returns the words behind EMIT, "" for none.
func (e Emit) String() string {
	switch e {
	case EmitChanges:
		return "CHANGES"
	case EmitFinal:
		return "FINAL"
	default:
		return ""
	}
}

// String returns the type as written, with names folded and the nested types of ksqlDB.
func (t *Type) String() string {
	switch {
	case t.Key != nil:
		return "map<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case t.Elem != nil:
		return "array<" + t.Elem.String() + ">"
	case len(t.Name) == 1 && t.Name[0] == "struct" && t.Fields != nil:
		var l []string
		for _, f := range t.Fields {
			l = append(l, word(f.Name)+" "+f.Type.String())
		}
		return "struct<" + strings.Join(l, ", ") + ">"
	}
	s := strings.Join(t.Name, ".")
	if t.Quoted {
		s = strconv.Quote(s)
	}
	if t.Args != nil {
		var l []string
		for _, a := range t.Args {
			l = append(l, strconv.Itoa(a))
		}
		s += "(" + strings.Join(l, ",") + ")"
	}
	if t.Interval != "" {
		s += " " + t.Interval
	}
	return s
}
