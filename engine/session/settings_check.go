package session

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/charset"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// rate checks a number of rows a second.
func rate(value string) (string, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || n < 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "It is a number of rows a second, 0 for no limit.")
	}
	return strconv.FormatInt(n, 10), nil
}

// oneOf takes the words of an enumeration, in any case.
func oneOf(values ...string) func(string) (string, error) {
	return func(v string) (string, error) {
		for _, w := range values {
			if strings.EqualFold(v, w) {
				return w, nil
			}
		}
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "Available values: %s.", strings.Join(values, ", "))
	}
}

// encoding takes the names of character sets in any spelling.
func encoding(v string) (string, error) {
	if name, ok := charset.Canonical(v); ok {
		return name, nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "There is no such character set.")
}

// dates reads how dates are printed, and the order of day, month and year, each of which may be left out.
func (s *settings) dates(v string) (string, error) {
	style, order, _ := strings.Cut(s.value("datestyle"), ", ")
	ordered := false
	for _, w := range strings.Split(v, ",") {
		switch w = strings.ToLower(strings.TrimSpace(w)); w {
		case "":
		case "iso":
			style = "ISO"
		case "sql":
			style = "SQL"
		case "postgres":
			style = "Postgres"
		case "german":
			if style = "German"; !ordered {
				order = "DMY"
			}
		case "mdy", "us", "noneuro", "noneuropean":
			order, ordered = "MDY", true
		case "dmy", "euro", "european":
			order, ordered = "DMY", true
		case "ymd":
			order, ordered = "YMD", true
		case "default":
			style, order = "ISO", "MDY"
		default:
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "Unrecognized key word: \"%s\".", w)
		}
	}
	return style + ", " + order, nil
}

// ruleNames takes a list of rules of the optimiser.
func ruleNames(v string) (string, error) {
	names, unknown := planner.RuleList(v)
	if unknown != "" {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "Available values: %s.", strings.Join(planner.Rules(), ", "))
	}
	return strings.Join(names, ", "), nil
}

func boolean(v string) (string, error) {
	switch strings.ToLower(v) {
	case "on", "true", "yes", "1":
		return "on", nil
	case "off", "false", "no", "0":
		return "off", nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "A Boolean value is wanted.")
}

func integer(v string) (string, error) {
	if _, err := strconv.Atoi(v); err != nil {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "A whole number is wanted.")
	}
	return v, nil
}

// milliseconds reads a time: a number of milliseconds, or a number and a unit.
func milliseconds(v string) (string, error) {
	v = strings.TrimSpace(v)
	if ms, err := strconv.Atoi(v); err == nil && ms >= 0 {
		return v, nil
	}
	for _, u := range []struct {
		name string
		ms   float64
	}{{"min", 60_000}, {"ms", 1}, {"us", 0.001}, {"s", 1000}, {"h", 3_600_000}, {"d", 86_400_000}} {
		if n, ok := strings.CutSuffix(v, u.name); ok {
			if x, err := strconv.ParseFloat(strings.TrimSpace(n), 64); err == nil && x >= 0 && x*u.ms <= math.MaxInt32 {
				return strconv.FormatInt(int64(math.RoundToEven(x*u.ms)), 10), nil
			}
		}
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue,
		`Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".`)
}

// memory reads an amount of memory.
func memory(v string) (string, error) {
	n, err := planner.ParseBytes(v)
	return planner.FormatBytes(n), err
}

// millisecondsOrNever is milliseconds, or -1.
func millisecondsOrNever(v string) (string, error) {
	if strings.TrimSpace(v) == "-1" {
		return "-1", nil
	}
	return milliseconds(v)
}

func zone(v string) (string, error) {
	if strings.EqualFold(v, "local") || strings.EqualFold(v, "default") {
		v = "UTC"
	}
	if _, err := types.LoadLocation(v); err != nil {
		return "", err
	}
	return v, nil
}
