// Package jsonpath reads and prints the path language of SQL/JSON: '$.a[*] ? (@.b > 1)'. It knows nothing of values;
// the functions that run paths are in package fn.
package jsonpath

import (
	"math"
	"strconv"
	"strings"
)

// Kind says what an Item is.
type Kind uint8

// The kinds of items.
const (
	Null       Kind = iota
	True            // true
	False           // false
	Number          // a number: Text
	String          // a string: Text
	Variable        // $name: Text
	Root            // $
	Current         // @
	Last            // last, in a subscript
	Key             // .name: Text
	AnyKey          // .*
	AnyLevel        // .**, from level From to level To
	AnyElement      // [*]
	Subscript       // [from to to, …]: Subs
	Filter          // ? (Args[0])
	Method          // .name(): Text
	Arith           // Args joined by + - * / %: Text
	Sign            // + or - (Text) in front of Args[0]
	Compare         // Args compared by == <> < <= > >=: Text
	And             // Args[0] && Args[1]
	Or              // Args[0] || Args[1]
	Not             // ! Args[0]
	IsUnknown       // (Args[0]) is unknown
	Exists          // exists (Args[0])
	StartsWith      // Args[0] starts with Args[1]
	LikeRegex       // Args[0] like_regex Text, with Flags
)

// LastLevel is the level that "last" stands for in .**{last}.
const LastLevel = math.MaxUint32

// Item is one part of a path; Next is what is applied to its results.
type Item struct {
	Kind     Kind
	Text     string
	Flags    string
	Args     []*Item
	Subs     [][2]*Item // from and to, which is nil for a single subscript
	From, To uint32
	Next     *Item
}

// Path is a path read.
type Path struct {
	Strict bool
	Root   *Item
}

// predicate reports whether an item without accessors after it is a condition, which is not a value.
func (i *Item) predicate() bool { return i.Kind >= Compare && i.Next == nil }

// String prints a path in the one form that PostgreSQL stores.
func (p *Path) String() string {
	var b strings.Builder
	if p.Strict {
		b.WriteString("strict ")
	}
	p.Root.print(&b, false, true)
	return b.String()
}

// quote prints a string of JSON.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch at := strings.IndexByte("\b\f\n\r\t\"\\", c); {
		case at >= 0:
			b.WriteByte('\\')
			b.WriteByte("bfnrt\"\\"[at])
		case c < ' ':
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// priority orders operators by how tightly they bind.
func (i *Item) priority() int {
	switch i.Kind {
	case Or:
		return 0
	case And:
		return 1
	case Compare, StartsWith:
		return 2
	case Arith:
		if i.Text == "+" || i.Text == "-" {
			return 3
		}
		return 4
	case Sign:
		return 5
	}
	return 6
}

func (i *Item) infix(b *strings.Builder, op string, brackets bool) {
	if brackets {
		b.WriteByte('(')
	}
	i.Args[0].print(b, false, i.Args[0].priority() <= i.priority())
	b.WriteString(op)
	if len(i.Args) > 1 {
		i.Args[1].print(b, false, i.Args[1].priority() <= i.priority())
	}
	if i.Flags != "" {
		b.WriteString(" flag " + quote(i.Flags))
	}
	if brackets {
		b.WriteByte(')')
	}
}

// print prints an item and those after it; accessor tells that it follows another.
func (i *Item) print(b *strings.Builder, accessor, brackets bool) {
	brackets = brackets || i.Next != nil // which PostgreSQL forgets, and stores the path in another form than its text
	point := ""
	if accessor {
		point = "."
	}
	switch i.Kind {
	case Null, True, False, Root, Current, Last, AnyElement:
		b.WriteString(map[Kind]string{Null: "null", True: "true", False: "false", Root: "$", Current: "@", Last: "last",
			AnyElement: "[*]"}[i.Kind])
	case Number:
		if i.Next != nil {
			b.WriteString("(" + i.Text + ")")
		} else {
			b.WriteString(i.Text)
		}
	case String:
		b.WriteString(quote(i.Text))
	case Variable:
		b.WriteString("$" + quote(i.Text))
	case Key:
		b.WriteString(point + quote(i.Text))
	case AnyKey:
		b.WriteString(point + "*")
	case AnyLevel:
		b.WriteString(point + "**" + levels(i.From, i.To))
	case Subscript:
		i.printSubscripts(b)
	case Filter:
		i.printCall(b, "?(", ")")
	case Method:
		i.printCall(b, "."+i.Text+"(", ")")
	case Not:
		i.printCall(b, "!(", ")")
	case IsUnknown:
		i.printCall(b, "(", ") is unknown")
	case Exists:
		i.printCall(b, "exists (", ")")
	case Sign:
		i.printSign(b, brackets)
	case And:
		i.infix(b, " && ", brackets)
	case Or:
		i.infix(b, " || ", brackets)
	case StartsWith:
		i.infix(b, " starts with ", brackets)
	case LikeRegex:
		i.infix(b, " like_regex "+quote(i.Text), brackets)
	default:
		i.infix(b, " "+i.Text+" ", brackets)
	}
	if i.Next != nil {
		i.Next.print(b, true, true)
	}
}

func (i *Item) printCall(b *strings.Builder, before, after string) {
	b.WriteString(before)
	for _, a := range i.Args {
		a.print(b, false, false)
	}
	b.WriteString(after)
}

func (i *Item) printSign(b *strings.Builder, brackets bool) {
	if brackets {
		b.WriteByte('(')
	}
	b.WriteString(i.Text)
	i.Args[0].print(b, false, i.Args[0].priority() <= i.priority())
	if brackets {
		b.WriteByte(')')
	}
}

func (i *Item) printSubscripts(b *strings.Builder) {
	b.WriteByte('[')
	for k, s := range i.Subs {
		if k > 0 {
			b.WriteByte(',')
		}
		s[0].print(b, false, false)
		if s[1] != nil {
			b.WriteString(" to ")
			s[1].print(b, false, false)
		}
	}
	b.WriteByte(']')
}

func levels(from, to uint32) string {
	level := func(n uint32) string {
		if n == LastLevel {
			return "last"
		}
		return strconv.FormatUint(uint64(n), 10)
	}
	switch {
	case from == 0 && to == LastLevel:
		return ""
	case from == to:
		return "{" + level(from) + "}"
	}
	return "{" + level(from) + " to " + level(to) + "}"
}
