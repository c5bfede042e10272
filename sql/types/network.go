package types

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Network is a value of inet or cidr: an address and how many of its first bits name the network it is in.
//
// Columns hold it as bytes whose order is PostgreSQL's: the family (4 or 6), the address of the network, the number of
// bits, the address itself.
type Network struct{ netip.Prefix }

// NetworkOf reads what columns hold.
func NetworkOf[S string | []byte](s S) Network {
	half := (len(s) - 2) / 2
	if half != 4 && half != 16 || len(s) != 2+2*half {
		return Network{}
	}
	addr, _ := netip.AddrFromSlice([]byte(s[2+half:])) // of 4 or 16 bytes
	return Network{netip.PrefixFrom(addr, int(s[1+half]))}
}

// Stored gives what columns hold.
func (n Network) Stored() string {
	family := byte(4)
	if n.Addr().Is6() {
		family = 6
	}
	b := append([]byte{family}, n.Masked().Addr().AsSlice()...)
	return string(append(append(b, byte(n.Bits())), n.Addr().AsSlice()...))
}

// Whole reports whether all bits name the network: it is one host.
func (n Network) Whole() bool { return n.Bits() == n.Addr().BitLen() }

// append prints it. A network is always followed by its bits, a host is not.
func (n Network) append(dst []byte, network bool) []byte {
	dst = n.Addr().AppendTo(dst)
	if network || !n.Whole() {
		dst = append(dst, '/')
		dst = strconv.AppendInt(dst, int64(n.Bits()), 10)
	}
	return dst
}

// parseNetwork reads an inet or a cidr. Of the latter's address the last bytes may be missing.
func parseNetwork(t Type, s string) (string, error) {
	text, bitText, hasBits := strings.Cut(strings.TrimSpace(s), "/")
	bad := errSyntax(kindNames[t.Kind], s)
	missing := 0
	if t.Kind == KindCIDR && !strings.Contains(text, ":") {
		for ; strings.Count(text, ".") < 3; missing++ {
			text += ".0"
		}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return "", bad
	}
	bits := addr.BitLen() - 8*missing
	if hasBits {
		n, err := strconv.Atoi(bitText)
		if err != nil || n < 0 || n > addr.BitLen() || bitText[0] == '+' {
			return "", bad
		}
		bits = n
	}
	n := Network{netip.PrefixFrom(addr, bits)}
	if t.Kind == KindCIDR && n.Masked().Addr() != addr {
		return "", sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid cidr value: \"%s\"", clean(s)).
			WithDetail("Value has bits set to right of mask.")
	}
	return n.Stored(), nil
}

// PostgreSQL's numbers of the families of addresses.
const (
	familyIPv4 = 2
	familyIPv6 = 3
)

func (n Network) appendBinary(dst []byte, network bool) []byte {
	family, flag := byte(familyIPv4), byte(0)
	if n.Addr().Is6() {
		family = familyIPv6
	}
	if network {
		flag = 1
	}
	addr := n.Addr().AsSlice()
	return append(append(dst, family, byte(n.Bits()), flag, byte(len(addr))), addr...)
}

func parseNetworkBinary(t Type, b []byte) (string, error) {
	if len(b) < 4 || len(b) != 4+int(b[3]) {
		return "", errBinary(t)
	}
	addr, ok := netip.AddrFromSlice(b[4:])
	if !ok || addr.Is4() != (b[0] == familyIPv4) || int(b[1]) > addr.BitLen() {
		return "", errBinary(t)
	}
	return Network{netip.PrefixFrom(addr, int(b[1]))}.Stored(), nil
}
