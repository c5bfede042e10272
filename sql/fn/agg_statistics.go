package fn

import (
	"math"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// statisticDecls declares the statistics over one and two variables.
func statisticDecls() []Aggregate {
	var fs []Aggregate
	for _, d := range []struct {
		name, summary string
		sample, root  bool
	}{
		{"var_pop", "Gives the variance of a population.", false, false},
		{"var_samp", "Gives the variance of a sample.", true, false},
		{"variance", "Another name of var_samp.", true, false},
		{"stddev_pop", "Gives the standard deviation of a population.", false, true},
		{"stddev_samp", "Gives the standard deviation of a sample.", true, true},
		{"stddev", "Another name of stddev_samp.", true, true},
	} {
		for _, t := range in(types.Int8, types.Int4, types.Int2, types.Numeric) {
			fs = append(fs, Aggregate{Name: d.name, Args: in(t), Ret: types.Numeric, Doc: Doc{Summary: d.summary},
				New: func([]types.Type, types.Type, bool) Accumulator {
					return &decStatistics{sample: d.sample, root: d.root}
				}})
		}
		value := func(s *sums) (float64, bool) { return s.variance(d.sample, d.root) }
		for _, t := range in(types.Float4, types.Float8) {
			fs = append(fs, Aggregate{Name: d.name, Args: in(t), Ret: types.Float8, New: newStatistics(value)})
		}
	}
	f8 := types.Float8
	for _, d := range []struct {
		name, summary string
		value         func(s *sums) (float64, bool)
	}{
		{"corr", "Gives the coefficient of correlation.", (*sums).correlation},
		{"covar_pop", "Gives the covariance of a population.", func(s *sums) (float64, bool) {
			return s.xy() / float64(s.n), s.n > 0
		}},
		{"covar_samp", "Gives the covariance of a sample.", func(s *sums) (float64, bool) {
			return s.xy() / float64(s.n-1), s.n > 1
		}},
		{"regr_avgx", "Gives the mean of the second argument.", func(s *sums) (float64, bool) {
			return s.of[sumX].value() / float64(s.n), s.n > 0
		}},
		{"regr_avgy", "Gives the mean of the first argument.", func(s *sums) (float64, bool) {
			return s.of[sumY].value() / float64(s.n), s.n > 0
		}},
		{"regr_sxx", "Gives the sum of squares of the second argument.", func(s *sums) (float64, bool) {
			return s.xx(), s.n > 0
		}},
		{"regr_syy", "Gives the sum of squares of the first argument.", func(s *sums) (float64, bool) {
			return s.yy(), s.n > 0
		}},
		{"regr_sxy", "Gives the sum of products of both arguments.", func(s *sums) (float64, bool) {
			return s.xy(), s.n > 0
		}},
		{"regr_slope", "Gives the slope of the line of least squares.", func(s *sums) (float64, bool) {
			return s.xy() / s.xx(), s.n > 0 && s.xx() != 0
		}},
		{"regr_intercept", "Gives where the line of least squares meets the y axis.", (*sums).intercept},
		{"regr_r2", "Gives the square of the coefficient of correlation.", (*sums).determination},
	} {
		fs = append(fs, Aggregate{Name: d.name, Args: in(f8, f8), Ret: f8, New: newStatistics(d.value),
			Doc: Doc{Summary: d.summary}})
	}
	return append(fs, Aggregate{Name: "regr_count", Args: in(f8, f8), Ret: types.Int8, New: newStatistics(nil),
		Doc: Doc{Summary: "Counts the rows in which no argument is NULL."}})
}

// The sums of one group, of the arguments and of their products; of one argument, it is x.
const (
	sumX = iota
	sumXX
	sumY
	sumYY
	sumXY
	sumCount
)

// sums holds what the statistics are computed from, all of it exact: no order of rows matters, and what is taken away
// leaves no trace.
type sums struct {
	n  int64
	of [sumCount]floatSum
}

// centered is the sum of products of the distances from the means, n*Sab - Sa*Sb over n; NaN when one is not finite.
func (s *sums) centered(product, a, b int) float64 {
	if s.n <= 0 {
		return math.NaN()
	}
	for _, k := range [...]int{product, a, b} {
		if f := &s.of[k]; f.nans > 0 || f.infs > 0 || f.negs > 0 {
			return math.NaN()
		}
	}
	const precision = 9000 // bits, enough for every digit
	n := new(big.Float).SetPrec(precision).SetInt64(s.n)
	left := new(big.Float).SetPrec(precision).Mul(n, s.of[product].exact(precision))
	right := new(big.Float).SetPrec(precision).Mul(s.of[a].exact(precision), s.of[b].exact(precision))
	v, _ := left.Quo(left.Sub(left, right), n).Float64()
	return v
}

func (s *sums) xx() float64 { return s.centered(sumXX, sumX, sumX) }
func (s *sums) yy() float64 { return s.centered(sumYY, sumY, sumY) }
func (s *sums) xy() float64 { return s.centered(sumXY, sumX, sumY) }

// exact returns the sum with nothing rounded.
func (s *floatSum) exact(precision uint) *big.Float {
	s.carry()
	v := new(big.Float).SetPrec(precision)
	for k := len(s.limbs) - 1; k >= 0; k-- {
		v.SetMantExp(v, 32)
		v.Add(v, new(big.Float).SetInt64(s.limbs[k]))
	}
	return v.SetMantExp(v, 32*int(s.first)-1074)
}

func (s *sums) variance(sample, root bool) (float64, bool) {
	n := s.n
	if sample {
		n--
	}
	if n <= 0 {
		return 0, false
	}
	v := s.xx() / float64(n)
	if root {
		v = math.Sqrt(v)
	}
	return v, true
}

func (s *sums) correlation() (float64, bool) {
	if s.n < 1 || s.xx() == 0 || s.yy() == 0 {
		return 0, false
	}
	return s.xy() / math.Sqrt(s.xx()*s.yy()), true
}

func (s *sums) intercept() (float64, bool) {
	if s.n < 1 || s.xx() == 0 {
		return 0, false
	}
	return (s.of[sumY].value() - s.of[sumX].value()*s.xy()/s.xx()) / float64(s.n), true
}

func (s *sums) determination() (float64, bool) {
	switch {
	case s.n < 1 || s.xx() == 0:
		return 0, false
	case s.yy() == 0:
		return 1, true
	}
	return s.xy() * s.xy() / (s.xx() * s.yy()), true
}

// statistics is the state of the statistics over floats; without a value it counts.
type statistics struct {
	value  func(s *sums) (float64, bool)
	groups []sums
}

func newStatistics(value func(s *sums) (float64, bool)) func([]types.Type, types.Type, bool) Accumulator {
	return func([]types.Type, types.Type, bool) Accumulator { return &statistics{value: value} }
}

// Update implements Accumulator. Of two arguments the first is y.
func (a *statistics) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.groups = extend(a.groups, groups)
	for i, g := range groups {
		x := args[len(args)-1]
		if x.IsNull(i) || args[0].IsNull(i) {
			continue
		}
		s, d := &a.groups[g], diffAt(diff, i)
		vx, vy := x.Float[x.At(i)], args[0].Float[args[0].At(i)]
		if overflows(vx, vx) || overflows(vy, vy) || overflows(vx, vy) {
			c.Fail(i, floatOverflow())
			continue
		}
		s.n += d
		s.of[sumX].add(vx, d)
		s.of[sumXX].addProduct(vx, vx, d)
		if len(args) > 1 {
			s.of[sumY].add(vy, d)
			s.of[sumYY].addProduct(vy, vy, d)
			s.of[sumXY].addProduct(vx, vy, d)
		}
	}
}

func overflows(x, y float64) bool {
	return math.IsInf(x*y, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0)
}

// addProduct adds x*y without rounding it: the product and what is lost of it.
func (s *floatSum) addProduct(x, y float64, d int64) {
	p := x * y
	s.add(p, d)
	if lost := math.FMA(x, y, -p); lost != 0 && !math.IsNaN(lost) && !math.IsInf(lost, 0) {
		s.add(lost, d)
		s.n -= d
	}
}

// Result implements Accumulator.
func (a *statistics) Result(groups []int32, out *vec.Column) {
	a.groups = extend(a.groups, groups)
	for _, g := range groups {
		s := &a.groups[g] // not a copy: reading resolves carries
		if a.value == nil {
			out.AppendInt(s.n)
		} else if v, ok := a.value(s); ok {
			out.AppendFloat(v)
		} else {
			out.AppendNull()
		}
	}
}

// Encode implements Accumulator: the sums one after another, each with its length.
func (a *statistics) Encode(g int32, dst []byte) []byte {
	a.groups = extend(a.groups, []int32{g})
	s := &a.groups[g]
	for k := range s.of {
		one := floatSums{sums: s.of[k : k+1]}
		dst = appendSized(dst, one.Encode(0, nil))
	}
	return dst
}

// Decode implements Accumulator.
func (a *statistics) Decode(g int32, src []byte) error {
	var s sums
	if len(src) > 0 {
		r := stateReader{src: src}
		for k := range s.of {
			var one floatSums
			if err := one.Decode(0, r.bytes()); err != nil {
				return err
			}
			s.of[k] = one.sums[0]
		}
		if err := r.err(); err != nil {
			return err
		}
		s.n = s.of[sumX].n
	}
	a.groups = set(a.groups, g, s)
	return nil
}

// decStatistics is the state of variances and standard deviations over integers and numeric: exact sums of the values
// and of their squares.
type decStatistics struct {
	sample, root bool
	x, xx        decSums
}

// Update implements Accumulator.
func (a *decStatistics) Update(c *Call, groups []int32, diff []int32, args []*vec.Column) {
	a.x.sums, a.xx.sums = extend(a.x.sums, groups), extend(a.xx.sums, groups)
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		var v types.Decimal
		if args[0].Type.Class() == types.ClassDecimal {
			v = args[0].Dec[args[0].At(i)]
		} else {
			v = types.DecimalFromInt64(args[0].Int[args[0].At(i)])
		}
		square, err := v.Mul(v)
		if err == nil {
			err = a.xx.sums[g].add(square, diffAt(diff, i))
		}
		if err == nil {
			err = a.x.sums[g].add(v, diffAt(diff, i))
		}
		if err != nil {
			c.Fail(i, err)
		}
	}
}

// Result implements Accumulator.
func (a *decStatistics) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		x, xx := at(a.x.sums, g), at(a.xx.sums, g)
		if x.n <= 0 || a.sample && x.n == 1 {
			out.AppendNull()
			continue
		}
		v, err := a.value(x, xx)
		if err != nil {
			v = types.DecimalNaN
		}
		out.AppendDec(v)
	}
}

func (a *decStatistics) value(x, xx decSum) (types.Decimal, error) {
	if x.nans > 0 || x.infs > 0 || x.negs > 0 {
		return types.DecimalNaN, nil
	}
	n := types.DecimalFromInt64(x.n)
	left, err1 := n.Mul(xx.value())
	right, err2 := x.value().Mul(x.value())
	v, err3 := left.Sub(right)
	for _, err := range [...]error{err1, err2, err3} {
		if err != nil {
			return v, err
		}
	}
	if v.Sign() <= 0 {
		return types.Decimal{}, nil
	}
	by := x.n
	if a.sample {
		by--
	}
	divisor, err := n.Mul(types.DecimalFromInt64(by))
	if err == nil {
		v, err = v.Div(divisor)
	}
	if err != nil || !a.root || v.Sign() == 0 {
		return v, err
	}
	w, _, _ := baseDigits(v)
	weight := (w+2)*4 + int(v.DisplayScale())
	return decCompute(weight, v.DisplayScale(), func(c *apd.Context, r *apd.Decimal) (apd.Condition, error) {
		return c.Sqrt(r, toApd(v))
	})
}

// Encode implements Accumulator.
func (a *decStatistics) Encode(g int32, dst []byte) []byte {
	return appendSized(appendSized(dst, a.x.Encode(g, nil)), a.xx.Encode(g, nil))
}

// Decode implements Accumulator.
func (a *decStatistics) Decode(g int32, src []byte) error {
	var x, xx []byte
	if len(src) > 0 {
		r := stateReader{src: src}
		x, xx = r.bytes(), r.bytes()
		if err := r.err(); err != nil {
			return err
		}
	}
	if err := a.x.Decode(g, x); err != nil {
		return err
	}
	return a.xx.Decode(g, xx)
}
