package fn

import (
	"net/netip"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// network reads argument i, an inet or a cidr.
func (r Row) network(i int) types.Network { return types.NetworkOf(r.Bytes(i)) }

// networkDecls declares what takes apart addresses and compares networks.
func networkDecls() []Scalar {
	inet, cidr, text, i4 := types.Inet, types.CIDR, types.Text, types.Int4
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f),
			Doc: Doc{Category: "network", Summary: summary, Examples: ex(examples...)}})
	}
	words := func(name string, f func(n types.Network) string, summary string, examples ...string) {
		add(name, in(inet), text, func(r Row, out *vec.Column) error {
			out.AppendString(f(r.network(0)))
			return nil
		}, summary, examples...)
	}
	words("host", func(n types.Network) string { return n.Addr().String() }, "Gives the address without the network.",
		"host('10.1.2.3/24'::inet)", "10.1.2.3")
	words("text", types.Network.String, "Writes an address with the bits of its network.",
		"text('10.1.2.3'::inet)", "10.1.2.3/32")
	words("abbrev", func(n types.Network) string {
		return string(types.AppendBytesText(nil, inet, n.Stored(), types.Env{}))
	}, "Writes an address, with the bits of its network unless it is one host.", "abbrev('10.1.2.3/32'::inet)", "10.1.2.3")
	add("family", in(inet), i4, func(r Row, out *vec.Column) error {
		if r.network(0).Addr().Is4() {
			out.AppendInt(4)
		} else {
			out.AppendInt(6)
		}
		return nil
	}, "Gives 4 or 6, the family of an address.", "family('::1'::inet)", "6")
	add("masklen", in(inet), i4, func(r Row, out *vec.Column) error {
		out.AppendInt(int64(r.network(0).Bits()))
		return nil
	}, "Gives how many bits name the network.", "masklen('10.1.2.3/24'::inet)", "24")
	prefix := func(name string, ret types.Type, f func(n types.Network) netip.Prefix, summary string, examples ...string) {
		add(name, in(inet), ret, func(r Row, out *vec.Column) error {
			out.AppendString(types.Network{Prefix: f(r.network(0))}.Stored())
			return nil
		}, summary, examples...)
	}
	prefix("network", cidr, func(n types.Network) netip.Prefix { return n.Masked() }, "Gives the network of an address.",
		"network('10.1.2.3/24'::inet)", "10.1.2.0/24")
	prefix("netmask", inet, func(n types.Network) netip.Prefix { return host(bitMask(n, true)) },
		"Gives the bits that name the network as an address.", "netmask('10.1.2.3/24'::inet)", "255.255.255.0")
	prefix("hostmask", inet, func(n types.Network) netip.Prefix { return host(bitMask(n, false)) },
		"Gives the bits that do not name the network as an address.", "hostmask('10.1.2.3/24'::inet)", "0.0.0.255")
	prefix("broadcast", inet, func(n types.Network) netip.Prefix {
		last := n.Addr().AsSlice()
		for i, b := range bitMask(n, false).AsSlice() {
			last[i] |= b
		}
		addr, _ := netip.AddrFromSlice(last) // as long as before
		return netip.PrefixFrom(addr, n.Bits())
	}, "Gives the last address of a network.", "broadcast('10.1.2.3/24'::inet)", "10.1.2.255/24")
	for _, t := range in(inet, cidr) {
		add("set_masklen", in(t, i4), t, setMask, "Changes how many bits name the network.")
	}
	add("inet_same_family", in(inet, inet), types.Bool, func(r Row, out *vec.Column) error {
		out.AppendBool(r.network(0).Addr().Is4() == r.network(1).Addr().Is4())
		return nil
	}, "Tells whether two addresses are of one family.", "inet_same_family('10.0.0.1'::inet, '::1'::inet)", "f")
	within(add)
	return fs
}

func host(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// bitMask is an address whose first bits, those that name the network, are ones and the others zeros, or the reverse.
func bitMask(n types.Network, first bool) netip.Addr {
	bytes := make([]byte, n.Addr().BitLen()/8)
	for i := range n.Addr().BitLen() {
		if (i < n.Bits()) == first {
			bytes[i/8] |= 0x80 >> (i % 8)
		}
	}
	addr, _ := netip.AddrFromSlice(bytes) // of 4 or 16 bytes
	return addr
}

func setMask(r Row, out *vec.Column) error {
	n, bits := r.network(0), int(r.Int(1))
	if bits == -1 {
		bits = n.Addr().BitLen()
	}
	if bits < 0 || bits > n.Addr().BitLen() {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid mask length: %d", bits)
	}
	changed := netip.PrefixFrom(n.Addr(), bits)
	if out.Type.Kind == types.KindCIDR {
		changed = changed.Masked()
	}
	out.AppendString(types.Network{Prefix: changed}.Stored())
	return nil
}

// within declares the operators that tell whether one network is in another.
func within(add func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error,
	summary string, examples ...string)) {
	contains := func(a, b types.Network, strictly bool) bool {
		return a.Overlaps(b.Prefix) && (a.Bits() < b.Bits() || !strictly && a.Bits() == b.Bits())
	}
	for _, d := range []struct {
		symbol, summary, example, want string
		f                              func(a, b types.Network) bool
	}{
		{"<<", "Is in the network.", "'10.1.2.3'::inet << '10.0.0.0/8'::inet", "t",
			func(a, b types.Network) bool { return contains(b, a, true) }},
		{"<<=", "Is in the network, or is it.", "'10.1.2.3'::inet <<= '10.1.2.3'::inet", "t",
			func(a, b types.Network) bool { return contains(b, a, false) }},
		{">>", "Has the network in it.", "'10.1.2.3'::inet >> '10.0.0.0/8'::inet", "f",
			func(a, b types.Network) bool { return contains(a, b, true) }},
		{">>=", "Has the network in it, or is it.", "'10.0.0.0/8'::inet >>= '10.1.2.3'::inet", "t",
			func(a, b types.Network) bool { return contains(a, b, false) }},
		{"&&", "One network has the other in it.", "'10.0.0.0/8'::inet && '10.1.2.3'::inet", "t",
			func(a, b types.Network) bool { return a.Overlaps(b.Prefix) }},
	} {
		add(d.symbol, in(types.Inet, types.Inet), types.Bool, func(r Row, out *vec.Column) error {
			out.AppendBool(d.f(r.network(0), r.network(1)))
			return nil
		}, d.summary, d.example, d.want)
	}
}

// networkCaster makes one of inet and cidr of the other.
func networkCaster(to types.Type) castFunc {
	return func(r Row, out *vec.Column) error {
		n := r.network(0)
		if to.Kind == types.KindCIDR {
			n = types.Network{Prefix: n.Masked()}
		}
		out.AppendString(n.Stored())
		return nil
	}
}
