package planner

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// StateSetting is the session setting, and the property of a query, that says how much memory its state may take.
const StateSetting = "state_memory"

// byteUnits are PostgreSQL's, the largest first.
var byteUnits = []struct {
	name  string
	scale int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}

// ParseBytes reads an amount of memory as PostgreSQL does: kilobytes, or a number with a unit. Empty and 0 are no
// limit.
func ParseBytes(text string) (int64, error) {
	num, scale := strings.TrimSpace(text), int64(1<<10)
	if num == "" {
		return 0, nil
	}
	for _, u := range byteUnits {
		if n, ok := strings.CutSuffix(num, u.name); ok {
			num, scale = strings.TrimSpace(n), u.scale
			break
		}
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/scale {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid amount of memory: %q", text).
			WithHint("Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".")
	}
	return n * scale, nil
}

// FormatBytes prints an amount of memory in the largest unit in which it is a whole number.
func FormatBytes(n int64) string {
	for _, u := range byteUnits {
		if n > 0 && n%u.scale == 0 {
			return strconv.FormatInt(n/u.scale, 10) + u.name
		}
	}
	return "0"
}
