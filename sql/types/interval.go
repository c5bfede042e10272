package types

import "math/bits"

// Span returns the length that intervals are compared by, in microseconds as a 128-bit two's complement number: a month
// counts 30 days and a day 24 hours.
func (v Interval) Span() (hi int64, lo uint64) {
	days := int64(v.Months)*30 + int64(v.Days)
	uhi, ulo := bits.Mul64(absInt(days), uint64(microsPerDay))
	if days < 0 {
		var borrow uint64
		ulo, borrow = bits.Sub64(0, ulo, 0)
		uhi, _ = bits.Sub64(0, uhi, borrow)
	}
	lo, carry := bits.Add64(ulo, uint64(v.Micros), 0)
	uhi, _ = bits.Add64(uhi, uint64(v.Micros>>63), carry)
	return int64(uhi), lo
}

// Cmp compares two intervals by their span.
func (v Interval) Cmp(w Interval) int {
	vh, vl := v.Span()
	wh, wl := w.Span()
	if vh != wh {
		return cmpInt(vh, wh)
	}
	return cmpUint(vl, wl)
}
