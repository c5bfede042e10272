package relay

import (
	"bufio"
	"bytes"
	bigendian "encoding/binary"
	"io"
	"slices"
	"time"

	"github.com/leatdb/leat/pgwire"
)

func newReader(from io.Reader) *bufio.Reader { return bufio.NewReaderSize(from, readBytes) }

// fromServer passes on what a server says, until that ends. An error is the client's.
func (r *relay) fromServer() error {
	r.mu.Lock()
	in := newReader(r.up)
	r.mu.Unlock()
	for {
		if in.Buffered() < 5 {
			if err := r.flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(5)
		if err != nil {
			return r.flush()
		}
		kind, size := head[0], int(bigendian.BigEndian.Uint32(head[1:]))+1
		if size < 5 {
			return r.flush()
		}
		if size > readBytes && !r.keeps(kind, size) {
			if err := r.stream(in, size); err != nil {
				return err
			}
			if r.partly {
				return nil
			}
			continue
		}
		var message []byte
		if size <= in.Size() {
			if message, err = in.Peek(size); err == nil {
				in.Discard(size) // it is there, and stays until the next message is read
			}
		} else {
			message = make([]byte, size)
			_, err = io.ReadFull(in, message)
		}
		if err != nil {
			return r.flush()
		}
		if r.take(kind, message); r.moves {
			return r.flush()
		}
		if len(r.out) >= readBytes {
			if err := r.flush(); err != nil {
				return err
			}
		}
	}
}

// keeps reports whether a message is taken whole although it is long.
func (r *relay) keeps(kind byte, size int) bool {
	return kind == pgwire.PartMessage || kind == pgwire.PlaceMessage || r.quiet ||
		r.place != nil && len(r.held)+size <= heldBytes
}

// stream passes a long message on as it comes.
func (r *relay) stream(in *bufio.Reader, size int) error {
	r.out = append(r.out, r.held...)
	r.held, r.place, r.shown = nil, nil, true
	if err := r.flush(); err != nil {
		return err
	}
	r.partly = true
	for size > 0 {
		if _, err := in.Peek(1); err != nil {
			return nil
		}
		b, _ := in.Peek(min(size, in.Buffered())) // they are there
		if _, err := r.client.Write(b); err != nil {
			return err
		}
		in.Discard(len(b)) // they are there
		size -= len(b)
	}
	r.partly = false
	return nil
}

// flush writes what is to be written.
func (r *relay) flush() error {
	if len(r.out) == 0 {
		return nil
	}
	_, err := r.client.Write(r.out)
	if r.out = r.out[:0]; cap(r.out) > 4*readBytes {
		r.out = nil
	}
	return err
}

// take does with a message what is to be done. It is borrowed.
func (r *relay) take(kind byte, message []byte) {
	body := message[5:]
	switch kind {
	case pgwire.PartMessage:
		name, value, _ := bytes.Cut(body, []byte{0})
		if r.fresh == nil {
			r.fresh = map[string][]byte{}
		}
		r.fresh[string(name)] = slices.Clone(value)
		return
	case pgwire.PlaceMessage:
		r.takePlace(body)
		return
	case 'S':
		name, value, _ := bytes.Cut(bytes.TrimSuffix(body, []byte{0}), []byte{0})
		if r.quiet && r.told[string(name)] == string(value) {
			return
		}
		r.told[string(name)] = string(value)
		r.out = append(r.out, message...)
		return
	case 'E':
		r.over = bytes.HasPrefix(body, []byte("SFATAL\x00"))
		if r.over {
			r.quiet = false
		}
	}
	switch {
	case r.quiet:
		if kind == 'Z' {
			r.takenUp()
		}
		return
	case kind == 'Z':
		r.out = append(append(r.out, r.held...), message...)
		r.held, r.place = nil, nil
		r.turn, r.shown, r.since = true, false, time.Time{}
		r.mu.Lock()
		r.started = true
		r.parting()
		r.mu.Unlock()
		r.mayMove(body[0])
		return
	case r.place != nil && len(r.held)+len(message) <= heldBytes && !r.over:
		r.held = append(r.held, message...)
		return
	}
	r.out = append(append(r.out, r.held...), message...)
	r.held, r.place = nil, nil
	r.shown = r.shown || kind != 'A'
}

// takenUp notes that the server has the session, and reads what the client says.
func (r *relay) takenUp() {
	r.quiet = false
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takes = false
	r.moved.Broadcast()
}

// takePlace notes what the server has dealt with, and how far a push query's client is with what came before.
func (r *relay) takePlace(body []byte) {
	if len(body) < 4 {
		return
	}
	r.out = append(r.out, r.held...)
	r.held = r.held[:0]
	if len(body) > 4 {
		r.place, r.turn, r.since = slices.Clone(body[4:]), false, time.Time{}
	} else if !r.quiet {
		r.place, r.turn = nil, false
	}
	if len(body) > 4 || r.place == nil { // else the push query has not begun again yet
		for name, value := range r.fresh {
			if r.parts[name] = value; len(value) == 0 {
				delete(r.parts, name)
			}
		}
		r.fresh = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frames.dealt(int(bigendian.BigEndian.Uint32(body))); r.place != nil {
		r.parting()
	}
}
