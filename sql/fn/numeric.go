package fn

import (
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

func decNeg(x types.Decimal) types.Decimal                             { return x }
func decAbs(x types.Decimal) types.Decimal                             { return x }
func decCmp(x, y types.Decimal) int                                    { return x.Cmp(y) }
func decAdd(x, y types.Decimal) types.Decimal                          { return x }
func decSub(x, y types.Decimal) types.Decimal                          { return x }
func decMul(x, y types.Decimal) types.Decimal                          { return x }
func decRound(x types.Decimal, s int32) types.Decimal                  { return x }
func decMean(x types.Decimal, s int64) types.Decimal                   { return x }
func decFromWide(hi int64, lo uint64) types.Decimal                    { return types.Decimal{} }
func decPower(x, y types.Decimal) (types.Decimal, error)               { return x, nil }
func floatPower(x, y float64) (float64, error)                         { return x, nil }
func scaleInterval(v types.Interval, n int64) (types.Interval, bool)   { return v, true }
func addIntervals(v, w types.Interval) (types.Interval, bool)          { return v, true }
func divInterval(v types.Interval, by float64) (types.Interval, error) { return v, nil }
func intervalRange() error                                             { return outOfRange("interval") }
func decArith(op string) Kernel {
	return func(c *Call, args []*vec.Column, out *vec.Column) {}
}
