package types

import "encoding/binary"

// The first byte of a numeric key.
const (
	keyDecNegInf = iota + 1
	keyDecNegative
	keyDecZero
	keyDecPositive
	keyDecInf
	keyDecNaN
)

// AppendKey appends bytes whose order is that of Cmp, equal for equal values, none a prefix of another's.
func (d Decimal) AppendKey(dst []byte) []byte {
	coef, digits, exp, ok := d.Reduce()
	switch {
	case !ok && d.IsNaN():
		return append(dst, keyDecNaN)
	case !ok && d.Sign() < 0:
		return append(dst, keyDecNegInf)
	case !ok:
		return append(dst, keyDecInf)
	case coef == 0:
		return append(dst, keyDecZero)
	case coef > 0:
		dst = append(dst, keyDecPositive)
	default:
		dst = append(dst, keyDecNegative)
	}
	start := len(dst)
	if digits != "" {
		dst = appendDigitsKey(dst, digits, exp)
	} else {
		var buf [20]byte
		at := len(buf)
		u := uint64(coef)
		if coef < 0 {
			u = -u
		}
		for ; u > 0; u /= 10 {
			at--
			buf[at] = byte('0' + u%10)
		}
		dst = appendDigitsKey(dst, buf[at:], exp)
	}
	if coef < 0 {
		for i := range dst[start:] {
			dst[start+i] = ^dst[start+i]
		}
	}
	return dst
}

func appendDigitsKey[S string | []byte](dst []byte, digits S, exp int32) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(exp+int32(len(digits)))^1<<31)
	for k := 0; k < len(digits); k += 2 {
		pair := (digits[k] - '0') * 10
		if k+1 < len(digits) {
			pair += digits[k+1] - '0'
		}
		dst = append(dst, pair+1)
	}
	return append(dst, 0)
}
