// Package elementary computes the elementary functions of float8 to the last digit: to the nearest float, except where
// two are almost equally near. The C library that PostgreSQL calls does so for nearly all arguments, Go's package math
// only for three of four, and the difference shows in the shortest text of a float8.
//
// Numbers on the way are sums of two floats, some 106 bits together. Dekker, "A floating-point technique for extending
// the available precision" (1971), has the algorithms; a fused multiply-add makes them short.
package elementary

import "math"

// double is hi + lo, where lo is less than half a unit in the last place of hi.
type double struct{ hi, lo float64 }

// sum is a + b exactly.
func sum(a, b float64) double {
	s := a + b
	t := s - a
	return double{s, (a - (s - t)) + (b - t)}
}

// quick is a + b exactly, where |a| >= |b|.
func quick(a, b float64) double {
	s := a + b
	return double{s, b - (s - a)}
}

func product(a, b float64) double {
	p := a * b
	return double{p, math.FMA(a, b, -p)}
}

func (a double) add(b double) double {
	s, t := sum(a.hi, b.hi), sum(a.lo, b.lo)
	s = quick(s.hi, s.lo+t.hi)
	return quick(s.hi, s.lo+t.lo)
}

func (a double) sub(b double) double { return a.add(double{-b.hi, -b.lo}) }

func (a double) mul(b double) double {
	p := product(a.hi, b.hi)
	return quick(p.hi, p.lo+(math.FMA(a.hi, b.lo, a.lo*b.hi)))
}

func (a double) times(b float64) double {
	p := product(a.hi, b)
	return quick(p.hi, math.FMA(a.lo, b, p.lo))
}

func (a double) div(b double) double {
	q := a.hi / b.hi
	r := a.sub(b.times(q))
	q2 := r.hi / b.hi
	r = r.sub(b.times(q2))
	return quick(q, q2).add(double{r.hi / b.hi, 0})
}

func (a double) sqrt() double {
	if a.hi <= 0 {
		return double{}
	}
	s := math.Sqrt(a.hi)
	r := a.sub(product(s, s))
	return quick(s, r.hi/(2*s))
}

// scale is a * 2^n.
func (a double) scale(n int) double { return double{math.Ldexp(a.hi, n), math.Ldexp(a.lo, n)} }

func (a double) float() float64 { return a.hi + a.lo }

// polynomial is c[0] + c[1] x + ….
func polynomial(x double, c []double) double {
	s := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		s = s.mul(x).add(c[i])
	}
	return s
}

var (
	one   = double{1, 0}
	ln2   = double{0.6931471805599453, 2.3190468138462996e-17}
	piBy2 = [3]float64{1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33}
	// reciprocals are 1/n!.
	reciprocals = func() (r [30]double) {
		r[0] = one
		for n := 1; n < len(r); n++ {
			r[n] = r[n-1].div(double{float64(n), 0})
		}
		return r
	}()
	sines, cosines = func() (s, c []double) {
		for n := 0; 2*n+1 < len(reciprocals); n++ {
			even, odd := reciprocals[2*n], reciprocals[2*n+1]
			if n%2 == 1 {
				even, odd = even.times(-1), odd.times(-1)
			}
			c, s = append(c, even), append(s, odd)
		}
		return s, c
	}()
)
