package relay

// frames are the messages that the client has sent and no server has dealt with.
type frames struct {
	list []frame
	at   int // how many have been written to the server of now
	size int // bytes kept
}

// frame is a message, or several that are not kept.
type frame struct {
	data    []byte
	unkept  int
	written bool // to whichever server
}

// left is how many there are.
func (f *frames) left() int { return len(f.list) }

// fits reports whether a message may be kept.
func (f *frames) fits(size int) bool { return f.size+size <= keepBytes }

// add adds a message. It is written to the server now, or later by next.
func (f *frames) add(data []byte, written bool) {
	f.list = append(f.list, frame{data: data, written: written})
	f.size += len(data)
	if written {
		f.at = len(f.list)
	}
}

// addUnkept adds a message that is written and not kept.
func (f *frames) addUnkept() {
	if n := len(f.list); n > 0 && f.list[n-1].data == nil {
		f.list[n-1].unkept++
	} else {
		f.list = append(f.list, frame{unkept: 1, written: true})
	}
	f.at = len(f.list)
}

// dealt drops the first n messages.
func (f *frames) dealt(n int) {
	for n > 0 && len(f.list) > 0 {
		first := &f.list[0]
		if first.unkept > n {
			first.unkept -= n
			return
		}
		n -= max(first.unkept, 1)
		f.size -= len(first.data)
		*first = frame{}
		f.list = f.list[1:]
		f.at = max(f.at-1, 0)
	}
	if len(f.list) == 0 {
		f.list = nil
	}
}

// sent is how many of them a server may have dealt with. They are whole when all of them are kept.
func (f *frames) sent() (n int, whole bool) {
	for _, x := range f.list {
		if x.data == nil {
			return 0, false
		}
		if x.written {
			n++
		}
	}
	return n, true
}

// rewind lets next begin with the first one.
func (f *frames) rewind() { f.at = 0 }

// next is the next one to be written to the server of now.
func (f *frames) next() (data []byte, more bool) {
	if f.at == len(f.list) {
		return nil, false
	}
	x := &f.list[f.at]
	f.at++
	x.written = true
	return x.data, true
}
