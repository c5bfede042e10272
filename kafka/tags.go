package kafka

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kmsg reads as many tagged fields as a request says there are, and goes on counting when the request has ended: 40
// bytes can keep it busy for minutes. So a body in which some bytes would be a large number is read beforehand with
// these bytes replaced by "one tagged field, with a number that Kafka does not use". Where they are anything else, a
// number of fixed width or a piece of text, its value changes and nothing more; where they count tagged fields, the
// field is found in what was read.

const (
	// largeCount is a number of tagged fields that takes a while to count.
	largeCount = 1 << 20
	// strangeTag is the number of the field that is put in.
	strangeTag = 127
	// maxPlainBytes is the longest request that is no Produce: what kmsg makes of one may be a hundred times as large.
	maxPlainBytes = 4 << 20
)

// checkTags refuses a body of a flexible version in which the number of tagged fields is larger than can be.
func checkTags(req kmsg.Request, body []byte) error {
	if !req.IsFlexible() {
		return nil
	}
	wrong := fmt.Errorf("%w: %s with too many tagged fields", errFrame, kmsg.NameForKey(req.Key()))
	if req.Key() == int16(kmsg.Produce) {
		if !produceTags(body, req.GetVersion()) {
			return wrong
		}
		return nil
	}
	// The same bytes may be a number of five or, without the first, of four: one after the other is looked for.
	for _, width := range []int{5, 4} {
		var probe []byte
		for i := range body {
			if n, size := binary.Uvarint(body[i:]); size == width && n > largeCount {
				if probe == nil {
					probe = slices.Clone(body)
				}
				copy(probe[i:], []byte{1, strangeTag, 0})
			}
		}
		if probe == nil {
			continue
		}
		defuse(probe)
		again := kmsg.RequestForKey(req.Key())
		again.SetVersion(req.GetVersion())
		_ = again.ReadFrom(probe) // what cannot be read is found when the body itself is
		if hasTag(reflect.ValueOf(again).Elem()) {
			return wrong
		}
	}
	return nil
}

// defuse makes every number that is still large small.
func defuse(b []byte) {
	for i := range b {
		if n, size := binary.Uvarint(b[i:]); size > 0 && n > largeCount {
			b[i] &= 0x7f
		}
	}
}

var tagsType = reflect.TypeFor[kmsg.Tags]()

// hasTag reports whether the strange field is anywhere in what was read.
func hasTag(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == tagsType {
			found := false
			v.Addr().Interface().(*kmsg.Tags).Each(func(key uint32, _ []byte) { found = found || key == strangeTag })
			return found
		}
		for i := range v.NumField() {
			if hasTag(v.Field(i)) {
				return true
			}
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Slice {
			return false
		}
		for i := range v.Len() {
			if hasTag(v.Index(i)) {
				return true
			}
		}
	case reflect.Pointer:
		return !v.IsNil() && v.Elem().Kind() == reflect.Struct && hasTag(v.Elem())
	}
	return false
}

// produceTags reports whether the tagged fields of a Produce are not more than there are bytes for. Its records, which
// may hold anything, are passed over.
func produceTags(b []byte, version int16) bool {
	w := walker{rest: b}
	w.skip(w.length())
	w.skip(2 + 4) // acks, timeout
	for range w.length() {
		if version < 13 {
			w.skip(w.length())
		} else {
			w.skip(16)
		}
		for range w.length() {
			w.skip(4)
			w.skip(w.length())
			w.tags()
		}
		w.tags()
	}
	w.tags()
	return !w.tooMany
}

// walker passes over the fields of a body. Behind the end there is nothing, which is for kmsg to say.
type walker struct {
	rest    []byte
	tooMany bool
}

func (w *walker) number() int {
	n, rest, ok := uvarint(w.rest)
	if !ok {
		w.rest = nil
		return 0
	}
	w.rest = rest
	return int(n)
}

// length reads the length of a compact text or array; nothing has more elements than bytes.
func (w *walker) length() int { return min(max(w.number()-1, 0), len(w.rest)) }

func (w *walker) skip(n int) { w.rest = w.rest[min(n, len(w.rest)):] }

func (w *walker) tags() {
	n := w.number()
	w.tooMany = w.tooMany || n > len(w.rest)
	for ; n > 0 && len(w.rest) > 0; n-- {
		w.number()
		w.skip(w.number())
	}
}
