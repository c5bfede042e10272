package session

import (
	_ "embed" // for the list of settings
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// postgresLines are PostgreSQL's settings, one a line: name, kind, unit, context and category as in pg_settings, the
// lowest and the highest value, the words of an enumeration, the initial value.
//
//go:embed settings.txt
var postgresLines string

// realSetting is a kind of settings.
const realSetting settingKind = "real"

// described are PostgreSQL's settings as it describes them.
var described = func() []definition {
	var ds []definition
	for _, line := range strings.Split(strings.TrimSpace(postgresLines), "\n") {
		f := strings.Split(line, "|")
		d := definition{name: strings.ToLower(f[0]), kind: settingKind(f[1]), unit: f[2], context: f[3], category: f[4],
			lowest: f[5], highest: f[6], initial: f[8], doc: "for clients that set it"}
		if d.kind == "string" {
			d.kind = ""
		}
		if f[7] != "" {
			d.words = strings.Split(f[7], ",")
		}
		if d.context != "user" && d.context != "superuser" {
			d.fixed, d.doc = true, "PostgreSQL's, for clients that read it"
		}
		ds = append(ds, d)
	}
	return ds
}()

// complete adds PostgreSQL's settings to those that mean something here, and what it tells of these: nothing depends on
// the others.
func complete(own []definition) []definition {
	for _, d := range described {
		at := slices.IndexFunc(own, func(o definition) bool { return o.name == d.name })
		if at < 0 {
			own = append(own, d)
			continue
		}
		o := &own[at]
		o.category, o.context, o.lowest, o.highest = d.category, d.context, d.lowest, d.highest
		if o.kind != timeSetting || o.unit == "" {
			o.unit = d.unit
		}
	}
	return own
}

// A measure is a family of units: how many of the smallest each of them is.
type measure []struct {
	name string
	size float64
}

var (
	memoryUnits = measure{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}
	timeUnits   = measure{{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1000}, {"us", 1}}
)

// unitsOf gives the family that a setting's unit is of, and its size.
func unitsOf(unit string) (measure, float64) {
	times := 1.0
	if rest, ok := strings.CutPrefix(unit, "8"); ok {
		unit, times = rest, 8
	}
	for _, m := range []measure{memoryUnits, timeUnits} {
		for _, u := range m {
			if u.name == unit {
				return m, times * u.size
			}
		}
	}
	return nil, 1
}

// number reads the value of a setting that is a number, with a unit or in the setting's own, and gives it in its own.
func (d *definition) number(value string) (string, error) {
	text := strings.TrimSpace(value)
	units, size := unitsOf(d.unit)
	factor := 1.0
	for _, u := range units {
		if n, ok := strings.CutSuffix(text, u.name); ok && n != "" && (n[len(n)-1] < 'a' || n[len(n)-1] > 'z') {
			text, factor = strings.TrimSpace(n), u.size/size
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || strings.ContainsAny(text, "xX_") {
		e := sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": \"%s\"", d.name, value)
		if units == nil {
			return "", e
		}
		return "", e.WithHint("Valid units for this parameter are %s.", units.list())
	}
	v *= factor
	if d.kind != realSetting {
		v = math.RoundToEven(v)
	}
	shown := strconv.FormatFloat(v, 'g', 15, 64)
	if d.kind != realSetting {
		shown = strconv.FormatFloat(v, 'f', 0, 64)
	}
	lowest, err1 := strconv.ParseFloat(d.lowest, 64)
	highest, err2 := strconv.ParseFloat(d.highest, 64)
	if err1 == nil && v < lowest || err2 == nil && v > highest {
		unit := ""
		if d.unit != "" {
			unit = " " + d.unit
		}
		return "", sqlerr.New(sqlerr.InvalidParameterValue,
			"%s%s is outside the valid range for parameter \"%s\" (%s .. %s)", shown, unit, d.name, d.lowest, d.highest)
	}
	return shown, nil
}

// list names the units in a sentence.
func (m measure) list() string {
	var names []string
	for i := len(m) - 1; i >= 0; i-- {
		names = append(names, strconv.Quote(m[i].name))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + ", and " + names[last]
}

// shown is a value as SHOW prints it: a number in the largest unit in which it is whole.
func (d *definition) shown(value string) string {
	units, size := unitsOf(d.unit)
	v, err := strconv.ParseFloat(value, 64)
	if d.unit == "" || err != nil || v <= 0 {
		return value
	}
	for _, u := range units {
		if n := v * size / u.size; n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', 0, 64) + u.name
		}
	}
	return value
}
