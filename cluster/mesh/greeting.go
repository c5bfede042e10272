package mesh

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/yamux"
)

const (
	magic        = "LEAT"
	maxGreeting  = 64 << 10
	maxHeader    = 1<<16 - 1
	greetingTime = 5 * time.Second // for whoever connects to say who it is
)

// greeting is what whoever connects says.
type greeting struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
	Levels   Levels `json:"levels,omitzero"`
	Cluster  string `json:"cluster"`
	From     uint64 `json:"from"`
	To       uint64 `json:"to"`
}

// answer is what it is told. A refusal is a reason.
type answer struct {
	Refusal string `json:"refusal,omitempty"`
	Final   bool   `json:"final,omitempty"` // it is about levels, and stays
	Version string `json:"version"`
	Levels  Levels `json:"levels,omitzero"`
	Node    uint64 `json:"node"`
}

// greet says who we are and hears whether we are welcome.
func greet(c net.Conn, deadline time.Time, g *greeting) (*answer, error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if err := writeFrame(c, g); err != nil {
		return nil, err
	}
	var a answer
	if err := readFrame(c, &a); err != nil {
		return nil, err
	}
	if a.Refusal != "" {
		return &a, fmt.Errorf("%w: %s", ErrRefused, a.Refusal)
	}
	return &a, c.SetDeadline(time.Time{})
}

// welcome hears who has connected and answers. It returns the node's number and levels.
func (m *Mesh) welcome(c net.Conn) (from uint64, l Levels, err error) {
	if err := c.SetDeadline(time.Now().Add(greetingTime)); err != nil {
		return 0, l, err
	}
	var g greeting
	if err := readFrame(c, &g); err != nil {
		return 0, l, err
	}
	a := answer{Refusal: m.refusal(&g), Version: m.cfg.Version, Levels: m.cfg.Levels, Node: m.cfg.Self}
	if a.Refusal == "" && (g.From != 0 || g.Levels != Levels{}) {
		a.Refusal, a.Final = m.admit(g.Version, g.Levels)
	}
	if err := writeFrame(c, &a); err != nil {
		return 0, l, err
	}
	if a.Refusal != "" {
		return 0, l, fmt.Errorf("%w: node %d: %s", ErrRefused, g.From, a.Refusal)
	}
	return g.From, g.Levels, c.SetDeadline(time.Time{})
}

// refusal says why somebody is not welcome, "" when it is.
func (m *Mesh) refusal(g *greeting) string {
	own := m.cfg.Cluster()
	switch {
	case g.Protocol != Protocol:
		return fmt.Sprintf("version %s speaks protocol %d, version %s speaks %d: they cannot be in one cluster",
			g.Version, g.Protocol, m.cfg.Version, Protocol)
	case g.From == 0:
		return ""
	case own == "":
		return "this node does not belong to a cluster yet"
	case g.Cluster != own:
		return fmt.Sprintf("this node belongs to cluster %q, not to %q", own, g.Cluster)
	case g.To != 0 && g.To != m.cfg.Self:
		return fmt.Sprintf("this is node %d, not %d", m.cfg.Self, g.To)
	case g.From == m.cfg.Self:
		return fmt.Sprintf("there are two nodes with number %d", g.From)
	}
	return ""
}

func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b := append([]byte(magic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(magic):], uint32(len(body)))
	_, err = w.Write(append(b, body...))
	return err
}

// ErrForeign is the answer of whoever is no node.
var ErrForeign = errors.New("mesh: whoever is there speaks another protocol")

func readFrame(r io.Reader, v any) error {
	var head [len(magic) + 4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[len(magic):])
	if string(head[:len(magic)]) != magic || n > maxGreeting {
		return ErrForeign
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

// A stream is one of yamux, whose own Close leaves reads waiting for the other side to close as well.
type stream struct{ *yamux.Stream }

// Close implements net.Conn.
func (s stream) Close() error {
	return errors.Join(s.SetReadDeadline(time.Unix(1, 0)), s.Stream.Close())
}

// openStream opens a stream and says what it is for.
func openStream(s *yamux.Session, k Kind, header []byte) (net.Conn, error) {
	if len(header) > maxHeader {
		return nil, fmt.Errorf("mesh: a header of %d bytes", len(header))
	}
	opened, err := s.OpenStream()
	if err != nil {
		return nil, err
	}
	c := stream{opened}
	b := binary.LittleEndian.AppendUint16([]byte{byte(k)}, uint16(len(header)))
	if _, err := c.Write(append(b, header...)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func readHeader(c net.Conn) (k Kind, header []byte, err error) {
	if err := c.SetReadDeadline(time.Now().Add(greetingTime)); err != nil {
		return 0, nil, err
	}
	var head [3]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, nil, err
	}
	header = make([]byte, binary.LittleEndian.Uint16(head[1:]))
	if _, err := io.ReadFull(c, header); err != nil {
		return 0, nil, err
	}
	return Kind(head[0]), header, c.SetReadDeadline(time.Time{})
}
