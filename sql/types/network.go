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

// String prints the address and its bits.
func (n Network) String() string { return string(n.append(nil, true)) }

// append prints it. A network is always followed by its bits, a host is not. As PostgreSQL does, it writes the last
// four bytes of an IPv6 address that has no others as those of IPv4.
func (n Network) append(dst []byte, network bool) []byte {
	if words := n.Addr().As16(); n.Addr().Is6() && [12]byte(words[:12]) == [12]byte{} && words[12]|words[13] != 0 {
		dst = netip.AddrFrom4([4]byte(words[12:])).AppendTo(append(dst, "::"...))
	} else {
		dst = n.Addr().AppendTo(dst)
	}
	if network || !n.Whole() {
		dst = append(dst, '/')
		dst = strconv.AppendInt(dst, int64(n.Bits()), 10)
	}
	return dst
}

// parseNetwork reads an inet or a cidr. Of an IPv4 address the last bytes may be missing: of an inet those after its
// bits.
func parseNetwork(t Type, s string) (string, error) {
	text, bitText, hasBits := strings.Cut(strings.TrimSpace(s), "/")
	bad := errSyntax(kindNames[t.Kind], s)
	addr, given, ok := parseAddress(text)
	bits := addr.BitLen()
	switch {
	case !ok:
		return "", bad
	case hasBits:
		n, err := strconv.Atoi(bitText)
		leading := bitText != "" && (bitText[0] == '+' || bitText[0] == '0' && len(bitText) > 1 && addr.Is6())
		if err != nil || n < 0 || n > bits || leading || t.Kind == KindInet && given < addr.BitLen() && given < n {
			return "", bad
		}
		bits = n
	case t.Kind == KindInet && given < bits:
		return "", bad
	case t.Kind == KindCIDR && addr.Is4():
		bits = classBits(addr.As4()[0], given)
	}
	n := Network{netip.PrefixFrom(addr, bits)}
	if t.Kind == KindCIDR && n.Masked().Addr() != addr {
		return "", sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid cidr value: \"%s\"", clean(s)).
			WithDetail("Value has bits set to right of mask.")
	}
	return n.Stored(), nil
}

// parseAddress reads an address. Of an IPv4 address bytes may be missing, which are 0: given is how many bits there
// are.
func parseAddress(text string) (addr netip.Addr, given int, ok bool) {
	if strings.Contains(text, ":") {
		addr, err := netip.ParseAddr(text)
		return addr, addr.BitLen(), err == nil && addr.Zone() == ""
	}
	var b [4]byte
	parts := strings.Split(text, ".")
	if len(parts) > len(b) {
		return addr, 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 64)
		if err != nil || n > 255 {
			return addr, 0, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), 8 * len(parts), true
}

// classBits is how many bits name a network that does not say it: those that are given, and at least those of the class
// of networks that its first byte tells.
func classBits(first byte, given int) int {
	class := 8
	switch {
	case first >= 240:
		class = 32
	case first == 224 && given == 8:
		return 4
	case first >= 224:
	case first >= 192:
		class = 24
	case first >= 128:
		class = 16
	}
	return max(class, given)
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
