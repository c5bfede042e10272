package types

import (
	"encoding/binary"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/sqlerr"
)

// The signs of numeric's binary format: counts of base-10000 digits, the weight of the first, one of these, the scale,
// then the digits.
const (
	wirePositive = 0x0000
	wireNegative = 0x4000
	wireNaN      = 0xc000
	wireInf      = 0xd000
	wireNegInf   = 0xf000
	wireInfScale = 0x20 // what PostgreSQL happens to send as the scale of infinities
)

// AppendDecimalBinary appends a numeric in the binary format.
func AppendDecimalBinary(dst []byte, d Decimal) []byte {
	header := func(digits, weight int, sign uint16, scale int) {
		dst = binary.BigEndian.AppendUint16(dst, uint16(digits))
		dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
		dst = binary.BigEndian.AppendUint16(dst, sign)
		dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	}
	if !d.finite() {
		switch {
		case d.IsNaN():
			header(0, 0, wireNaN, 0)
		case d.Sign() < 0:
			header(0, 0, wireNegInf, wireInfScale)
		default:
			header(0, 0, wireInf, wireInfScale)
		}
		return dst
	}
	scale := int(d.DisplayScale())
	if d.Sign() == 0 {
		header(0, 0, wirePositive, scale)
		return dst
	}
	var buf [20]byte
	var digits []byte
	point := 0 // digits before the decimal point, negative when zeros follow it
	if d.Big == nil {
		digits = appendUint(buf[:0], absInt(d.Coef))
		point = len(digits) - scale
	} else {
		digits = d.Big.Coeff.Append(nil, 10)
		point = len(digits) + int(d.Big.Exponent)
	}
	weight := int(floorDiv(int64(point-1), 4))
	first := point - weight*4 // digits in the first group, 1 to 4
	groups := make([]uint16, 0, 8)
	group := uint16(0)
	for i, at := 0, 4-first; i < len(digits); i, at = i+1, at+1 {
		group = group*10 + uint16(digits[i]-'0')
		if at%4 == 3 {
			groups, group = append(groups, group), 0
		}
		if i == len(digits)-1 && at%4 != 3 {
			for ; at%4 != 3; at++ {
				group *= 10
			}
			groups = append(groups, group)
		}
	}
	for len(groups) > 0 && groups[len(groups)-1] == 0 {
		groups = groups[:len(groups)-1]
	}
	sign := uint16(wirePositive)
	if d.Sign() < 0 {
		sign = wireNegative
	}
	header(len(groups), weight, sign, scale)
	for _, g := range groups {
		dst = binary.BigEndian.AppendUint16(dst, g)
	}
	return dst
}

// ParseDecimalBinary reads a numeric in the binary format.
func ParseDecimalBinary(b []byte) (Decimal, error) {
	bad := func(what string) (Decimal, error) {
		return Decimal{}, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "invalid %s in external \"numeric\" value", what)
	}
	if len(b) < 8 {
		return bad("length")
	}
	n, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	sign, scale := binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[6:]))
	if len(b) != 8+2*n {
		return bad("length")
	}
	switch sign {
	case wirePositive, wireNegative:
	case wireNaN:
		return DecimalNaN, nil
	case wireInf:
		return DecimalInf, nil
	case wireNegInf:
		return DecimalNegInf, nil
	default:
		return bad("sign")
	}
	if scale > MaxDecimalScale {
		return bad("scale")
	}
	small, fits := int64(0), n <= 4
	var digits []byte
	for i := range n {
		g := binary.BigEndian.Uint16(b[8+2*i:])
		if g > 9999 {
			return bad("digit")
		}
		if fits {
			small = small*10000 + int64(g)
		} else {
			digits = append(digits, byte('0'+g/1000), byte('0'+g/100%10), byte('0'+g/10%10), byte('0'+g%10))
		}
	}
	// The digits are an integer times 10000^(weight-n+1); bring it to the scale, cutting what is beyond.
	exp := int32(4 * (weight - n + 1))
	coef := apd.NewBigInt(small)
	if !fits {
		coef.SetString(string(digits), 10)
	}
	if shift := exp + int32(scale); coef.Sign() == 0 {
		return Decimal{Scale: int32(scale)}, nil
	} else if shift >= 0 {
		coef.Mul(coef, bigPow10(shift))
	} else {
		coef.Quo(coef, bigPow10(-shift))
	}
	if sign == wireNegative {
		coef.Neg(coef)
	}
	return checked(coef, int32(scale))
}
