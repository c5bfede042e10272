package mesh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// The link between two nodes may be cut while a third one reaches both. Then their streams take a detour: the third
// node passes them on, and vouches for who opened them. So whoever is in touch with most nodes is in touch with all of
// them (Alfatafta et al., Toward a Generic Fault Tolerance Technique for Partial Network Partitioning, OSDI 2020).
//
// Each connection is pinged. Where no answer comes, and another node has one, the connection is given up, so that what
// uses it opens its streams anew, by way of that node; until the other node answers directly again. A node that nobody
// reaches is left alone: it may only be slow.

// Kinds of streams between meshes.
const (
	// kindDetour is a stream to be passed on. Its header is the node to which, u64, and then kind u8 and header.
	kindDetour Kind = 253
	// kindPassed is one that was passed on. Its header is the node that opened it, u64, and then kind u8 and header.
	kindPassed Kind = 254
	// kindEcho is answered with a byte.
	kindEcho Kind = 255
)

const (
	// pingEvery is how often a connection is pinged, and pingPatience how long an answer may take.
	pingEvery    = 500 * time.Millisecond
	pingPatience = time.Second
)

// attend looks after the connection to a node until the mesh closes.
func (m *Mesh) attend(node uint64, p *peer) {
	defer m.done.Done()
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.life.Done():
			return
		}
		if via := m.detourOf(p); via == 0 {
			m.checkDirect(node, p)
		} else {
			m.checkDetour(node, p, via)
		}
	}
}

// checkDirect looks for a detour where a connection is not answered, or cannot be made. The connection is given up
// then.
func (m *Mesh) checkDirect(node uint64, p *peer) {
	s, l := p.established()
	missed := p.missed.Swap(false)
	if s == nil && !missed || s != nil && l.answers(s) {
		return
	}
	if m.search(m.life, node, p) == nil && s != nil {
		s.Close()
	}
}

// checkDetour ends a detour when the other node answers directly, or by the detour no longer.
func (m *Mesh) checkDetour(node uint64, p *peer, via uint64) {
	direct, cancel := context.WithTimeout(m.life, pingPatience)
	defer cancel()
	if _, err := m.sessionOf(direct, node); err == nil {
		if s, l := p.established(); s != nil && l.answers(s) {
			m.cfg.Logger.Info("a node is reached directly again", "node", node)
			m.setDetour(p, 0)
			return
		}
	}
	ctx, cancel := context.WithTimeout(m.life, pingPatience)
	defer cancel()
	if m.echo(ctx, via, node) != nil && m.search(m.life, node, p) != nil {
		m.setDetour(p, 0)
	}
}

// established is a connection that was made.
type established struct {
	session *yamux.Session
	line    *line // of the session
}

// established is the connection that there is; nil for none, or while one is being made. Others may be opening streams.
func (p *peer) established() (*yamux.Session, *line) {
	e := p.conn.Load()
	if e == nil || e.session.IsClosed() {
		return nil, nil
	}
	return e.session, e.line
}

// A line is what a connection is made of. It notes when the other end was heard.
type line struct {
	net.Conn
	heard atomic.Bool
}

// Read implements net.Conn.
func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.heard.Store(true)
	}
	return n, err
}

// answers pings the other end of a connection, and reports whether it is heard soon: the answer, or anything else, as
// the answer may come behind much that is under way.
func (l *line) answers(s *yamux.Session) bool {
	l.heard.Store(false)
	answer := make(chan error, 1)
	go func() {
		_, err := s.Ping()
		answer <- err
	}()
	timer := time.NewTimer(pingPatience)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err == nil
	case <-timer.C:
		return l.heard.Load()
	}
}

// Detour is the node by way of which streams to a node go, 0 when they go directly.
func (m *Mesh) Detour(node uint64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.peers[node]; p != nil {
		return p.via
	}
	return 0
}

// detourOf is the node by way of which streams go, 0 for none.
func (m *Mesh) detourOf(p *peer) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.via
}

// setDetour says by way of which node streams go from now on. Those that go another way end, and are opened anew.
// It reports whether that was another way before.
func (m *Mesh) setDetour(p *peer, via uint64) (changed bool) {
	m.mu.Lock()
	var gone []*detoured
	if changed = p.via != via; changed {
		for c := range p.detoured {
			gone = append(gone, c)
		}
	}
	p.via = via
	if p.find(); via == 0 {
		p.found, p.find = context.WithCancel(m.life)
	}
	m.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
	return changed
}

// directly is ctx until there is a detour: nobody need try to connect any more.
func (m *Mesh) directly(ctx context.Context, p *peer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	stop := context.AfterFunc(p.found, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// search finds a detour to a node: by way of the first that answers.
func (m *Mesh) search(ctx context.Context, node uint64, p *peer) error {
	ctx, cancel := context.WithTimeout(ctx, pingPatience)
	defer cancel()
	m.mu.Lock()
	var others []uint64
	for id := range m.peers {
		if id != node && m.peers[id].via == 0 {
			others = append(others, id)
		}
	}
	m.mu.Unlock()
	found := make(chan uint64, len(others))
	for _, via := range others {
		go func() {
			if m.echo(ctx, via, node) != nil {
				via = 0
			}
			found <- via
		}()
	}
	for range others {
		if via := <-found; via != 0 {
			if m.setDetour(p, via) {
				m.cfg.Logger.Warn("a node is not reached, but by way of another", "node", node, "by", via)
			}
			return nil
		}
	}
	return fmt.Errorf("mesh: nobody reaches node %d", node)
}

// echo makes sure that one node reaches another.
func (m *Mesh) echo(ctx context.Context, via, node uint64) error {
	c, err := m.openBy(ctx, via, node, kindEcho, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	_, err = io.ReadFull(c, make([]byte, 1))
	return err
}

// openBy opens a stream to a node by way of another one.
func (m *Mesh) openBy(ctx context.Context, via, node uint64, k Kind, header []byte) (net.Conn, error) {
	s, err := m.sessionOf(ctx, via)
	if err != nil {
		return nil, err
	}
	return openStream(s, kindDetour, aside(node, k, header))
}

// aside is the header of a stream that takes a detour to or from a node.
func aside(node uint64, k Kind, header []byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, node), byte(k)), header...)
}

// unaside is the inverse.
func unaside(b []byte) (node uint64, k Kind, header []byte, err error) {
	if len(b) < 9 {
		return 0, 0, nil, errors.New("mesh: the header of a detour is too short")
	}
	return binary.LittleEndian.Uint64(b), Kind(b[8]), b[9:], nil
}

// A detoured stream goes by way of another node.
type detoured struct {
	net.Conn
	mesh *Mesh
	of   *peer
	once sync.Once
}

// detour opens a stream that ends with the detour.
func (m *Mesh) detour(ctx context.Context, p *peer, node uint64, k Kind, header []byte) (net.Conn, error) {
	via := m.detourOf(p)
	if via == 0 {
		return nil, fmt.Errorf("mesh: there is no detour to node %d", node)
	}
	c, err := m.openBy(ctx, via, node, k, header)
	if err != nil {
		return nil, err
	}
	d := &detoured{Conn: c, mesh: m, of: p}
	m.mu.Lock()
	on := p.via == via
	if on {
		p.detoured[d] = struct{}{}
	}
	m.mu.Unlock()
	if !on {
		d.Close()
	}
	return d, nil
}

// Close implements net.Conn.
func (d *detoured) Close() (err error) {
	d.once.Do(func() {
		d.mesh.mu.Lock()
		delete(d.of.detoured, d)
		d.mesh.mu.Unlock()
		err = d.Conn.Close()
	})
	return err
}

// passOn passes a stream of another node on.
func (m *Mesh) passOn(from uint64, header []byte, c net.Conn) {
	node, k, inner, err := unaside(header)
	if err != nil || node == m.cfg.Self {
		return
	}
	ctx, cancel := context.WithTimeout(m.life, pingPatience)
	s, err := m.sessionOf(ctx, node)
	cancel()
	if err != nil {
		return
	}
	to, err := openStream(s, kindPassed, aside(from, k, inner))
	if err != nil {
		return
	}
	defer to.Close()
	there := make(chan struct{})
	go func() {
		defer close(there)
		_, _ = io.Copy(to, c) // whichever end closes, the other one does then
		to.Close()
	}()
	_, _ = io.Copy(c, to)
	c.Close()
	<-there
}

// passed serves a stream that another node has passed on.
func (m *Mesh) passed(header []byte, c net.Conn) {
	from, k, inner, err := unaside(header)
	if err != nil || from == 0 || from == m.cfg.Self || k == kindDetour || k == kindPassed {
		return
	}
	if _, known := m.cfg.Resolve(from); !known {
		m.cfg.Logger.Warn("a stream was refused", "from", from, "kind", uint8(k))
		return
	}
	m.dispatch(from, k, inner, c)
}
