package engine

import (
	"bytes"
	"io"
	"testing"
)

// TestSealed: a stream is what was written, and one that has changed anywhere or is too short is refused.
func TestSealed(t *testing.T) {
	const content = "what is sealed"
	var out bytes.Buffer
	err := writeSealed(&out, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) error {
		return readSealed(bytes.NewReader(b), func(r io.Reader) error {
			_, err := io.ReadFull(r, make([]byte, len(content)))
			return err
		})
	}
	if err := read(out.Bytes()); err != nil {
		t.Error(err)
	}
	for i := range out.Len() {
		b := bytes.Clone(out.Bytes())
		b[i] ^= 1
		if read(b) == nil {
			t.Errorf("byte %d has changed, and nobody has noticed", i)
		}
		if read(out.Bytes()[:i]) == nil {
			t.Errorf("%d bytes were enough", i)
		}
	}
}
