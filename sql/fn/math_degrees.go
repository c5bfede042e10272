package fn

import (
	"math"

	"github.com/leatdb/leat/sql/fn/elementary"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// trigDecls declares the trigonometry over degrees and the inverse hyperbolic functions.
func trigDecls() []Scalar {
	f8 := types.Float8
	var fs []Scalar
	add := func(name, summary string, f func(float64) float64, ok func(float64) bool, example, want string) {
		fs = append(fs, Scalar{Name: name, Args: in(f8), Ret: f8, Strict: true,
			Kernel: unaryErr(func(x float64) (float64, error) {
				if !math.IsNaN(x) && !ok(x) {
					return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range")
				}
				return f(x), nil
			}), Doc: Doc{Category: "math", Summary: summary, Examples: ex(example, want)}})
	}
	finite := func(x float64) bool { return !math.IsInf(x, 0) }
	always := func(float64) bool { return true }
	unit := func(x float64) bool { return x >= -1 && x <= 1 }
	add("sind", "Sine, of degrees.", sinDegrees, finite, "sind(30)", "0.5")
	add("cosd", "Cosine, of degrees.", cosDegrees, finite, "cosd(60)", "0.5")
	add("tand", "Tangent, of degrees.", tanDegrees, finite, "tand(45)", "1")
	add("cotd", "Cotangent, of degrees.", cotDegrees, finite, "cotd(45)", "1")
	add("cot", "Cotangent, of radians.", func(x float64) float64 { return 1 / elementary.Tan(x) }, finite, "cot(0.5)",
		"1.830487721712452")
	add("asind", "Inverse sine, in degrees.", func(x float64) float64 {
		return math.Copysign(asinQuarter(math.Abs(x)), x)
	}, unit, "asind(0.5)", "30")
	add("acosd", "Inverse cosine, in degrees.", func(x float64) float64 {
		if x < 0 {
			return 90 + asinQuarter(-x)
		}
		return acosQuarter(x)
	}, unit, "acosd(0.5)", "60")
	add("atand", "Inverse tangent, in degrees.",
		func(x float64) float64 { return elementary.Atan(x) / (math.Pi / 4) * 45 },
		always, "atand(1)", "45")
	add("asinh", "Inverse hyperbolic sine.", elementary.Asinh, always, "asinh(1)", "0.881373587019543")
	add("acosh", "Inverse hyperbolic cosine.", math.Acosh, func(x float64) bool { return x >= 1 }, "acosh(1)", "0")
	add("atanh", "Inverse hyperbolic tangent.", math.Atanh, unit, "atanh(0.5)", "0.5493061443340548")
	return append(fs, Scalar{Name: "atan2d", Args: in(f8, f8), Ret: f8, Strict: true,
		Kernel: pairwise(func(y, x float64) float64 { return elementary.Atan2(y, x) / (math.Pi / 4) * 45 }),
		Doc: Doc{Category: "math", Summary: "Inverse tangent of y/x, in degrees.",
			Examples: ex("atan2d(1, 0)", "90")}})
}

// The functions over degrees are exact where the result is: each is scaled by its value at 30, 45 or 60 degrees, as in
// PostgreSQL.
var perDegree = math.Pi / 180 // not a constant: 30*perDegree is to be rounded as x*perDegree is

var (
	sin30     = elementary.Sin(30 * perDegree)
	oneLess60 = 1 - elementary.Cos(60*perDegree)
	asinHalf  = elementary.Asin(0.5)
	acosHalf  = elementary.Acos(0.5)
	tan45     = sinQuarter(45) / cosQuarter(45)
	cot45     = cosQuarter(45) / sinQuarter(45)
)

func sinTo30(x float64) float64 { return elementary.Sin(x*perDegree) / sin30 / 2 }

func cosTo60(x float64) float64 { return 1 - (1-elementary.Cos(x*perDegree))/oneLess60/2 }

// sinQuarter is the sine of 0 to 90 degrees.
func sinQuarter(x float64) float64 {
	if x <= 30 {
		return sinTo30(x)
	}
	return cosTo60(90 - x)
}

func cosQuarter(x float64) float64 {
	if x <= 60 {
		return cosTo60(x)
	}
	return sinTo30(90 - x)
}

// quarter brings an angle to 0 to 90 degrees and tells what became of the signs of its sine and cosine.
func quarter(x float64) (angle, sinSign, cosSign float64) {
	angle, sinSign, cosSign = math.Mod(x, 360), 1, 1
	if angle < 0 {
		angle, sinSign = -angle, -sinSign
	}
	if angle > 180 {
		angle, sinSign = 360-angle, -sinSign
	}
	if angle > 90 {
		angle, cosSign = 180-angle, -cosSign
	}
	return angle, sinSign, cosSign
}

func sinDegrees(x float64) float64 {
	angle, sign, _ := quarter(x)
	return sign * sinQuarter(angle)
}

func cosDegrees(x float64) float64 {
	angle, _, sign := quarter(x)
	return sign * cosQuarter(angle)
}

func tanDegrees(x float64) float64 {
	angle, s, c := quarter(x)
	return s*c*(sinQuarter(angle)/cosQuarter(angle)/tan45) + 0 // never -0
}

func cotDegrees(x float64) float64 {
	angle, s, c := quarter(x)
	return s*c*(cosQuarter(angle)/sinQuarter(angle)/cot45) + 0
}

// asinQuarter is the inverse sine of 0 to 1, in degrees.
func asinQuarter(x float64) float64 {
	if x <= 0.5 {
		return elementary.Asin(x) / asinHalf * 30
	}
	return 90 - elementary.Acos(x)/acosHalf*60
}

func acosQuarter(x float64) float64 {
	if x <= 0.5 {
		return 90 - elementary.Asin(x)/asinHalf*30
	}
	return elementary.Acos(x) / acosHalf * 60
}
