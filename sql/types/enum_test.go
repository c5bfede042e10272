package types

import "testing"

// TestEnumOrder: a label may be put between any two as long as there is a number between theirs, and nothing that is
// there changes.
func TestEnumOrder(t *testing.T) {
	e := &Enum{Name: "e", Labels: FirstLabels([]string{"a", "z"})}
	typ := EnumOf("order")
	first := e.Labels[0].Number
	for n := 0; ; n++ {
		labels, err := e.Insert(1, string(rune('b'+n)))
		if err != nil {
			if n < 30 {
				t.Fatalf("no room after %d labels: %v", n, err)
			}
			break
		}
		e = &Enum{Name: "e", Labels: labels}
		for i := 1; i < len(labels); i++ {
			if labels[i-1].Number >= labels[i].Number {
				t.Fatalf("after %d labels: %v", n, labels)
			}
		}
	}
	DefineEnum(typ, e)
	if v, err := Parse(typ, "a", Env{}); err != nil || v.Int != first || v.String() != "a" {
		t.Errorf("a is %v, %v", v, err)
	}
	if _, err := Parse(typ, "A", Env{}); err == nil {
		t.Error("A is no label")
	}
	if ArrayOf(typ) == ArrayOf(EnumOf("another")) || ArrayOf(typ) != ArrayOf(EnumOf("order")) {
		t.Error("types of arrays follow the identity of their elements")
	}
}

// TestEnumFormer: a name that a label had is read from records only.
func TestEnumFormer(t *testing.T) {
	typ := EnumOf("former")
	DefineEnum(typ, &Enum{Name: "e", Labels: []EnumLabel{{Number: 1, Label: "new", Former: []string{"old"}}}})
	if v, err := Parse(typ, "old", Env{Former: true}); err != nil || v.String() != "new" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := Parse(typ, "old", Env{}); err == nil {
		t.Error("old is no label")
	}
}
