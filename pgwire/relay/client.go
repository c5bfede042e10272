package relay

import (
	"crypto/tls"
	bigendian "encoding/binary"
	"io"
	"net"
	"time"

	"github.com/leatdb/leat/pgwire"
)

// What a client sends in place of the version of the protocol.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
	// handshake is the first byte of TLS.
	handshake = 0x16
	// maxStartup is the longest startup message.
	maxStartup = 10000
	// startupTimeout is how long a client may take to send it.
	startupTimeout = 30 * time.Second
)

// begin reads what comes before the messages, and passes it on. It reports false when that was all.
func (r *relay) begin() bool {
	r.client.SetReadDeadline(time.Now().Add(startupTimeout)) // errors mean that it is closed already
	if first, err := r.in.Peek(1); err != nil || first[0] == handshake && !r.encrypt(true) {
		return false
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(r.in, head[:]); err != nil {
			return false
		}
		size := int(bigendian.BigEndian.Uint32(head[:]))
		if size < 8 || size > maxStartup {
			return false
		}
		packet := append([]byte{}, head[:]...)
		packet = append(packet, make([]byte, size-8)...)
		if _, err := io.ReadFull(r.in, packet[8:]); err != nil {
			return false
		}
		switch bigendian.BigEndian.Uint32(head[4:]) {
		case sslRequest:
			if !r.answerTLS() {
				return false
			}
		case gssRequest:
			if _, err := r.client.Write([]byte{'N'}); err != nil {
				return false
			}
		case cancelRequest:
			servers := []net.Conn{r.up}
			if r.cfg.Near != nil {
				if s, ok := r.cfg.Near(r.client.RemoteAddr()); ok {
					defer s.Close()
					servers = append(servers, s)
				}
			}
			for _, s := range servers { // whoever has the session
				if _, err := s.Write(packet); err == nil {
					io.Copy(io.Discard, s) // until it has been dealt with
				}
			}
			return false
		default:
			r.startup = packet
			return r.greet()
		}
	}
}

// greet says hello to the first server.
func (r *relay) greet() bool {
	r.client.SetReadDeadline(time.Time{}) // an error means that it is closed already
	first, err := r.hello.Append(nil)
	if err != nil {
		return false
	}
	_, err = r.up.Write(append(first, r.startup...))
	r.ready = true // nobody else is there yet
	return err == nil
}

// answerTLS answers a client that asks for encryption.
func (r *relay) answerTLS() bool {
	if r.cfg.TLS == nil || r.hello.Secure {
		_, err := r.client.Write([]byte{'N'})
		return err == nil
	}
	if r.in.Buffered() > 0 { // somebody has put it there, for us to take it for the client's
		return false
	}
	if _, err := r.client.Write([]byte{'S'}); err != nil {
		return false
	}
	return r.encrypt(false)
}

// encrypt begins TLS, which direct clients begin with at once.
func (r *relay) encrypt(direct bool) bool {
	if r.cfg.TLS == nil {
		return false
	}
	secure := tls.Server(&readAhead{r.client, r.in}, pgwire.TLS(r.cfg.TLS))
	if err := secure.HandshakeContext(r.ctx); err != nil {
		return false
	}
	if direct && secure.ConnectionState().NegotiatedProtocol != pgwire.ALPN {
		return false
	}
	r.client = secure
	r.in = newReader(secure)
	r.hello.Secure, r.hello.Binding = true, pgwire.Binding(r.cfg.TLS)
	return true
}

// readAhead is a connection of which something has been read ahead.
type readAhead struct {
	net.Conn
	in io.Reader
}

// Read implements net.Conn.
func (b *readAhead) Read(p []byte) (int, error) { return b.in.Read(p) }

// fromClient passes on what the client sends, until the conversation ends.
func (r *relay) fromClient() {
	defer r.end()
	var gathered []byte // what is to be written to the server of an age
	age := 0
	flush := func() {
		r.mu.Lock()
		up, same := r.up, r.age == age && r.ready
		r.mu.Unlock()
		if same && len(gathered) > 0 { // else it is resent
			if _, err := up.Write(gathered); err != nil {
				up.Close()
			}
		}
		gathered = gathered[:0]
	}
	for {
		if r.in.Buffered() < 5 {
			flush()
		}
		head, err := r.in.Peek(5)
		if err != nil {
			return
		}
		kind, size := head[0], int(bigendian.BigEndian.Uint32(head[1:]))+1
		if kind == 'X' || size < 5 {
			gathered = append(gathered, head...)
			flush()
			return
		}
		if size > readBytes { // what is gathered is in order with what follows
			flush()
		}
		if data := r.keep(kind, size); data != nil {
			if _, err := io.ReadFull(r.in, data); err != nil {
				return
			}
			now, write := r.add(data)
			if write && now != age {
				gathered, age = gathered[:0], now
			}
			if write {
				gathered = append(gathered, data...)
			}
		} else if !r.passOn(kind, size, &gathered, &age) {
			return
		}
		if len(gathered) >= readBytes {
			flush()
		}
	}
}

// keep makes room for a message that is kept; nil for one that is not. Of a client that has not proved who it is yet
// nothing is.
func (r *relay) keep(kind byte, size int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch kind {
	case 'p', 'd', 'c', 'f':
		return nil
	}
	if !r.started || !r.frames.fits(size) {
		return nil
	}
	return make([]byte, size)
}

// add keeps a message, and reports whether it is to be written to the server of an age now.
func (r *relay) add(data []byte) (age int, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames.add(data, r.ready)
	r.moved.Broadcast()
	return r.age, r.ready
}

// passOn passes a message on that is not kept.
func (r *relay) passOn(kind byte, size int, gathered *[]byte, age *int) bool {
	r.mu.Lock()
	for !r.ready && !r.ended {
		r.wanted = true
		r.moved.Broadcast()
		r.moved.Wait()
	}
	r.wanted = false
	if kind != 'p' {
		r.frames.addUnkept()
	}
	now, up := r.age, r.up
	r.mu.Unlock()
	if now != *age {
		*gathered, *age = (*gathered)[:0], now
	}
	if size <= readBytes {
		at := len(*gathered)
		*gathered = append(*gathered, make([]byte, size)...)
		_, err := io.ReadFull(r.in, (*gathered)[at:])
		return err == nil
	}
	if len(*gathered) > 0 {
		if _, err := up.Write(*gathered); err != nil {
			up.Close()
		}
		*gathered = (*gathered)[:0]
	}
	n, err := io.CopyN(up, r.in, int64(size))
	if err != nil {
		up.Close()
		_, err = io.CopyN(io.Discard, r.in, int64(size)-n)
	}
	return err == nil
}
