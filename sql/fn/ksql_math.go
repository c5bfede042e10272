package fn

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/fn/elementary"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// ksqlMathDecls declares the mathematical functions that PostgreSQL does not have for these types.
func ksqlMathDecls() []Scalar {
	f8, i4, text := types.Float8, types.Int4, types.Text
	return []Scalar{
		{Name: "round", Resolve: only(f8, f8, i4), Strict: true, Kernel: rowwise(roundFloat(false)),
			Doc: Doc{Category: "math"}},
		{Name: "trunc", Resolve: only(f8, f8, i4), Strict: true, Kernel: rowwise(roundFloat(true))},
		{Name: "log", Resolve: only(f8, f8, f8), Strict: true, Kernel: pairwiseErr(floatLogBase)},
		{Name: "geo_distance", Args: in(f8, f8, f8, f8), Ret: f8, Strict: true, Kernel: rowwise(geoDistance),
			Doc: Doc{Category: "geography", Summary: "Gives the great-circle distance between two places, each its latitude " +
				"and longitude in degrees, in kilometres (KM) or miles (MI).",
				Examples: ex("round(geo_distance(37.4439, -122.1663, 51.5257, -0.1122)::numeric, 3)", "8634.660",
					"round(geo_distance(37.4439, -122.1663, 51.5257, -0.1122, 'MI')::numeric, 3)", "5365.660")}},
		{Name: "geo_distance", Args: in(f8, f8, f8, f8, text), Ret: f8, Kernel: rowwise(geoDistance)},
	}
}

// roundFloat works on the decimal digits that a float is written with, as ksqlDB does: halves go up.
func roundFloat(trunc bool) func(r Row, out *vec.Column) error {
	return func(r Row, out *vec.Column) error {
		x := r.Float(0)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			out.AppendFloat(x)
			return nil
		}
		v, err := types.Parse(types.Numeric, strconv.FormatFloat(x, 'g', -1, 64), types.Env{})
		if err != nil {
			return err
		}
		scale := displayScale(r.Int(1))
		d := v.Dec
		if trunc {
			d = d.Trunc(scale)
		} else if d = d.Round(scale); x < 0 { // a half went down
			if up := v.Dec.Neg(); isHalf(up, scale) {
				d = v.Dec.Trunc(scale)
			}
		}
		f, err := strconv.ParseFloat(string(types.AppendText(nil, types.Value{Type: types.Numeric, Dec: d}, types.Env{})), 64)
		if err != nil {
			return outOfRange("double precision")
		}
		out.AppendFloat(f)
		return nil
	}
}

// isHalf reports whether what rounding d to a scale takes off is precisely half a unit.
func isHalf(d types.Decimal, scale int32) bool {
	rest, err := d.Sub(d.Trunc(scale))
	if err != nil || rest.Sign() == 0 {
		return false
	}
	twice, err := rest.Add(rest)
	return err == nil && twice.Round(scale).Cmp(twice) == 0
}

func floatLogBase(base, x float64) (float64, error) {
	if base <= 0 || x <= 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot take logarithm of a number that is not positive")
	}
	if base == 1 {
		return 0, divisionByZero()
	}
	return elementary.Log(x) / elementary.Log(base), nil
}

// The radius of the earth.
const (
	earthKilometres = 6371
	earthMiles      = 3959
)

// radians divides first, as ksqlDB does: the last digit depends on it.
func radians(degrees float64) float64 { return degrees / 180 * math.Pi }

func geoDistance(r Row, out *vec.Column) error {
	radius := float64(earthKilometres)
	for k := range 4 {
		if r.IsNull(k) {
			out.AppendNull()
			return nil
		}
		if limit := [...]float64{90, 180}[k%2]; !(math.Abs(r.Float(k)) <= limit) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s must be between %v and %v, not %v",
				[...]string{"latitude", "longitude"}[k%2], -limit, limit, r.Float(k))
		}
	}
	if r.Args() > 4 && !r.IsNull(4) {
		switch strings.ToUpper(r.Text(4)) {
		case "KM", "KILOMETER", "KILOMETERS", "KILOMETRE", "KILOMETRES":
		case "MI", "MILE", "MILES":
			radius = earthMiles
		default:
			return sqlerr.New(sqlerr.InvalidParameterValue, "distances are in KM or MI, not %q", r.Text(4))
		}
	}
	sinLat := elementary.Sin(radians(r.Float(2)-r.Float(0)) / 2)
	sinLon := elementary.Sin(radians(r.Float(3)-r.Float(1)) / 2)
	a := sinLat*sinLat + sinLon*sinLon*elementary.Cos(radians(r.Float(0)))*elementary.Cos(radians(r.Float(2)))
	out.AppendFloat(radius * (2 * elementary.Asin(math.Min(1, math.Sqrt(a)))))
	return nil
}
