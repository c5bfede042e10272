package fn

import (
	"math"
	"math/big"

	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// momentDecls declares ksqlDB's statistical aggregates.
func momentDecls() []Aggregate {
	f8 := types.Float8
	return []Aggregate{
		{Name: "correlation", Args: in(f8, f8), Ret: f8,
			New: func([]types.Type, types.Type, bool) Accumulator { return &moments{pairs: true} },
			Doc: Doc{Summary: "Gives Pearson's correlation of the pairs that have no NULL; NaN when it is not defined."}},
		{Name: "stddev_sample", Args: in(f8), Ret: f8,
			New: func([]types.Type, types.Type, bool) Accumulator { return &moments{} },
			Doc: Doc{Summary: "Gives the standard deviation of a sample; 0 for fewer than two values."}},
	}
}

// moments is the state of correlation and stddev_sample: exact sums of values and of their products, so that rows taken
// away leave no trace.
type moments struct {
	pairs bool
	sums  [5]floatSums // of x, x², y, y² and xy; products count twice (see add)
}

// used is how many of the sums there are.
func (a *moments) used() int {
	if a.pairs {
		return 5
	}
	return 2
}

// Update implements Accumulator.
func (a *moments) Update(_ *Call, groups []int32, diff []int32, args []*vec.Column) {
	for k := range a.used() {
		a.sums[k].sums = extend(a.sums[k].sums, groups)
	}
	for i, g := range groups {
		if args[0].IsNull(i) || a.pairs && args[1].IsNull(i) {
			continue
		}
		d := diffAt(diff, i)
		x := args[0].Float[args[0].At(i)]
		a.sums[0].sums[g].add(x, d)
		a.addProduct(1, g, x, x, d)
		if a.pairs {
			y := args[1].Float[args[1].At(i)]
			a.sums[2].sums[g].add(y, d)
			a.addProduct(3, g, y, y, d)
			a.addProduct(4, g, x, y, d)
		}
	}
}

// addProduct adds x times y in two parts: the rounded product, and what rounding took from it.
func (a *moments) addProduct(k int, g int32, x, y float64, d int64) {
	p := x * y
	rest := math.FMA(x, y, -p)
	if math.IsInf(p, 0) || math.IsNaN(p) {
		rest = 0
	}
	a.sums[k].sums[g].add(p, d)
	a.sums[k].sums[g].add(rest, d)
}

// momentBits is the precision of what is computed from the sums.
const momentBits = 320

// big returns the sum; ok is false when it is not a number, or infinite.
func (s *floatSum) big() (v *big.Float, ok bool) {
	v = new(big.Float).SetPrec(momentBits)
	if s.nans > 0 || s.infs > 0 || s.negs > 0 {
		return v, false
	}
	s.carry()
	if len(s.limbs) == 0 {
		return v, true
	}
	mag, negative := s.magnitude()
	whole := new(big.Int)
	for k := len(mag) - 1; k >= 0; k-- {
		whole.Lsh(whole, 32).Or(whole, new(big.Int).SetUint64(uint64(mag[k])))
	}
	v.SetInt(whole)
	v.SetMantExp(v, 32*int(s.first)-1074)
	if negative {
		v.Neg(v)
	}
	return v.SetPrec(momentBits), true
}

// spread is n times the sum of products less the product of the sums: n² times the covariance.
func (a *moments) spread(g int32, x, y, xy int) (*big.Float, bool) {
	sx, ok1 := a.sums[x].sums[g].big()
	sy, ok2 := a.sums[y].sums[g].big()
	sxy, ok3 := a.sums[xy].sums[g].big()
	n := new(big.Float).SetPrec(momentBits).SetInt64(a.sums[0].sums[g].n)
	return n.Sub(n.Mul(n, sxy), sx.Mul(sx, sy)), ok1 && ok2 && ok3
}

// Result implements Accumulator.
func (a *moments) Result(groups []int32, out *vec.Column) {
	for _, g := range groups {
		n := int64(0)
		if int(g) < len(a.sums[0].sums) {
			n = a.sums[0].sums[g].n
		}
		switch {
		case n < 2 && a.pairs:
			out.AppendFloat(math.NaN())
		case n < 2:
			out.AppendFloat(0)
		case a.pairs:
			out.AppendFloat(a.correlation(g))
		default:
			out.AppendFloat(a.deviation(g, n))
		}
	}
}

func (a *moments) deviation(g int32, n int64) float64 {
	v, ok := a.spread(g, 0, 0, 1)
	if !ok {
		return math.NaN()
	}
	if v.Sign() <= 0 {
		return 0
	}
	of := new(big.Float).SetPrec(momentBits).SetInt64(n)
	v.Quo(v.Quo(v, of), of.SetInt64(n-1))
	f, _ := v.Sqrt(v).Float64()
	return f
}

func (a *moments) correlation(g int32) float64 {
	vx, ok1 := a.spread(g, 0, 0, 1)
	vy, ok2 := a.spread(g, 2, 2, 3)
	cov, ok3 := a.spread(g, 0, 2, 4)
	if !ok1 || !ok2 || !ok3 || vx.Sign() <= 0 || vy.Sign() <= 0 {
		return math.NaN()
	}
	vx.Sqrt(vx)
	x, _ := vx.Float64()
	y, _ := vy.Sqrt(vy).Float64()
	xy, _ := cov.Float64()
	f := xy / (x * y) // rounded on the way as ksqlDB rounds
	if math.IsInf(x*y, 0) || x*y == 0 {
		f, _ = cov.Quo(cov, vx.Mul(vx, vy)).Float64()
	}
	return math.Max(-1, math.Min(1, f))
}

// Encode implements Accumulator.
func (a *moments) Encode(g int32, dst []byte) []byte {
	for k := range a.used() {
		dst = appendSized(dst, a.sums[k].Encode(g, nil))
	}
	return dst
}

// Decode implements Accumulator.
func (a *moments) Decode(g int32, src []byte) error {
	r := stateReader{src: src}
	for k := range a.used() {
		var b []byte
		if len(src) > 0 {
			b = r.bytes()
		}
		if err := a.sums[k].Decode(g, b); err != nil {
			return err
		}
	}
	return r.err()
}
