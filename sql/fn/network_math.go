package fn

import (
	"math/big"
	"net/netip"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// networkMathDecls declares what computes with addresses as with numbers, and bit by bit.
func networkMathDecls() []Scalar {
	inet, i8 := types.Inet, types.Int8
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, f func(r Row, out *vec.Column) error, summary string,
		examples ...string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: rowwise(f),
			Doc: Doc{Category: "network", Summary: summary, Examples: ex(examples...)}})
	}
	add("+", in(inet, i8), inet, func(r Row, out *vec.Column) error {
		return moveAddress(out, r.network(0), r.Int(1), 1)
	}, "Gives the address so many further.", "'10.1.2.250'::inet + 10", "10.1.3.4")
	add("+", in(i8, inet), inet, func(r Row, out *vec.Column) error {
		return moveAddress(out, r.network(1), r.Int(0), 1)
	}, "")
	add("-", in(inet, i8), inet, func(r Row, out *vec.Column) error {
		return moveAddress(out, r.network(0), r.Int(1), -1)
	}, "Gives the address so many before.", "'10.1.3.4'::inet - 10", "10.1.2.250")
	add("-", in(inet, inet), i8, func(r Row, out *vec.Column) error {
		a, b := r.network(0), r.network(1)
		if a.Addr().Is4() != b.Addr().Is4() {
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot subtract inet values of different sizes")
		}
		apart := new(big.Int).Sub(addressNumber(a), addressNumber(b))
		if !apart.IsInt64() {
			return errAddressRange()
		}
		out.AppendInt(apart.Int64())
		return nil
	}, "Tells how far two addresses are apart.", "'10.1.3.4'::inet - '10.1.2.250'::inet", "10")
	add("prefix ~", in(inet), inet, func(r Row, out *vec.Column) error {
		n := r.network(0)
		return eachByte(out, n, n, func(a, _ byte) byte { return ^a })
	}, "Turns every bit of an address.")
	for _, d := range []struct {
		symbol, word, summary string
		f                     func(a, b byte) byte
	}{
		{"&", "AND", "Keeps the bits that both addresses have.", func(a, b byte) byte { return a & b }},
		{"|", "OR", "Keeps the bits that one of the addresses has.", func(a, b byte) byte { return a | b }},
	} {
		add(d.symbol, in(inet, inet), inet, func(r Row, out *vec.Column) error {
			a, b := r.network(0), r.network(1)
			if a.Addr().Is4() != b.Addr().Is4() {
				return sqlerr.New(sqlerr.InvalidParameterValue, "cannot %s inet values of different sizes", d.word)
			}
			return eachByte(out, a, b, d.f)
		}, d.summary)
	}
	return fs
}

func errAddressRange() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "result is out of range")
}

func addressNumber(n types.Network) *big.Int { return new(big.Int).SetBytes(n.Addr().AsSlice()) }

// moveAddress gives the address of n that is sign times by further, in a network of as many bits.
func moveAddress(out *vec.Column, n types.Network, by, sign int64) error {
	to := new(big.Int).Mul(big.NewInt(by), big.NewInt(sign))
	to.Add(to, addressNumber(n))
	if to.Sign() < 0 || to.BitLen() > n.Addr().BitLen() {
		return errAddressRange()
	}
	addr, _ := netip.AddrFromSlice(to.FillBytes(n.Addr().AsSlice())) // as long as before
	out.AppendString(types.Network{Prefix: netip.PrefixFrom(addr, n.Bits())}.Stored())
	return nil
}

// eachByte gives an address of what f makes of the bytes of two that are as long, in a network of as many bits as the
// smaller one has.
func eachByte(out *vec.Column, a, b types.Network, f func(a, b byte) byte) error {
	bytes := a.Addr().AsSlice()
	for i, c := range b.Addr().AsSlice() {
		bytes[i] = f(bytes[i], c)
	}
	addr, _ := netip.AddrFromSlice(bytes) // as long as before
	out.AppendString(types.Network{Prefix: netip.PrefixFrom(addr, max(a.Bits(), b.Bits()))}.Stored())
	return nil
}
