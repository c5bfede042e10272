package types

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Env is what reading and printing values depends on besides the type. The zero Env is good for everything that
// does not depend on the session.
type Env struct {
	// Location is the session's time zone; nil is UTC.
	Location *time.Location
	// Now is the time that 'now', 'today' and the like stand for, in microseconds since 1970-01-01 UTC; 0 refuses them.
	Now int64
	// RegName gives the name that a regclass, regtype and so on is printed as; nil, and "", print the number.
	RegName func(t Type, oid int64) string
	// RegOID finds the number of what a text names that is read as a regclass and so on; nil reads numbers only.
	RegOID func(t Type, name string) (int64, error)
	// Style is how the session wants values printed and dates read.
	Style Style
	// Former takes the former names of an enum's labels too: records may have them still.
	Former bool
}

// zoneAbbreviations are PostgreSQL's default ones that have a fixed offset, in seconds east of Greenwich.
var zoneAbbreviations = map[string]int{
	"utc": 0, "gmt": 0, "z": 0, "zulu": 0, "ut": 0, "uct": 0, "wet": 0, "west": 3600, "bst": 3600, "cet": 3600,
	"cest": 7200, "met": 3600, "mest": 7200, "eet": 7200, "eest": 10800, "msk": 10800, "msd": 14400, "sast": 7200,
	"est": -18000, "edt": -14400, "cst": -21600, "cdt": -18000, "mst": -25200, "mdt": -21600, "pst": -28800,
	"pdt": -25200, "akst": -32400, "akdt": -28800, "hst": -36000, "ast": -14400, "adt": -10800, "nst": -12600,
	"ndt": -9000, "brt": -10800, "art": -10800, "ist": 7200, "idt": 10800, "pkt": 18000, "ict": 25200, "hkt": 28800,
	"sgt": 28800, "awst": 28800, "jst": 32400, "kst": 32400, "acst": 34200, "acdt": 37800, "aest": 36000,
	"aedt": 39600, "nzst": 43200, "nzdt": 46800, "fjt": 43200,
}

// locations caches the zones of the database, by the names they were asked for.
var locations sync.Map // string -> *time.Location

// LoadLocation finds a time zone by its IANA name in any case, its abbreviation, or its offset as SET TIME ZONE takes
// it: hours (-7, 5.5) or ISO offsets (+05:30), both east of Greenwich, or POSIX names (UTC+3), west of it.
func LoadLocation(name string) (*time.Location, error) {
	loc := findLocation(strings.TrimSpace(name))
	if loc == nil {
		return nil, errZone(name)
	}
	return loc, nil
}

func errZone(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, `time zone "%s" not recognized`, clean(name))
}

func findLocation(name string) *time.Location {
	lower := strings.ToLower(name)
	switch {
	case name == "" || len(name) > 64 || lower == "local" || lower == "default":
		return nil
	case lower == "utc" || lower == "gmt" || lower == "z" || lower == "zulu" || lower == "etc/utc":
		return time.UTC
	}
	if offset, ok := zoneAbbreviations[lower]; ok {
		return time.FixedZone(strings.ToUpper(name), offset)
	}
	if hours, err := strconv.ParseFloat(name, 64); err == nil && hours > -168 && hours < 168 {
		return fixedZone(int(hours * 3600))
	}
	if offset, ok := parseOffset(name); ok {
		return fixedZone(offset)
	}
	if loc, ok := locations.Load(lower); ok {
		return loc.(*time.Location)
	}
	for _, n := range []string{name, titleZone(lower), strings.ToUpper(name)} {
		if loc, err := time.LoadLocation(n); err == nil {
			locations.Store(lower, loc)
			return loc
		}
	}
	return posixZone(name)
}

func fixedZone(offset int) *time.Location {
	return time.FixedZone("<"+string(appendOffset(nil, offset))+">", offset)
}

// titleZone spells america/new_york as America/New_York.
func titleZone(lower string) string {
	b := []byte(lower)
	for i := range b {
		if (i == 0 || b[i-1] == '/' || b[i-1] == '_' || b[i-1] == '-') && b[i] >= 'a' && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// posixZone reads names such as UTC+3 and XYZ-05:30, whose offsets count west of Greenwich.
func posixZone(name string) *time.Location {
	at := 0
	for at < len(name) && isLetter(name[at]) {
		at++
	}
	if at < 3 || at == len(name) {
		return nil
	}
	rest := name[at:]
	if rest[0] != '+' && rest[0] != '-' {
		rest = "+" + rest
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return nil
	}
	return time.FixedZone(name[:at], -offset)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// parseOffset reads +hh, +hhmm, +hh:mm or +hh:mm:ss into seconds.
func parseOffset(s string) (seconds int, ok bool) {
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	parts := strings.Split(s[1:], ":")
	if len(parts) == 1 && len(parts[0]) > 2 && len(parts[0]) <= 6 {
		d := parts[0]
		if len(d)%2 == 1 {
			d = "0" + d
		}
		parts = parts[:0]
		for ; d != ""; d = d[2:] {
			parts = append(parts, d[:2])
		}
	}
	if len(parts) > 3 {
		return 0, false
	}
	unit := 3600
	for i, p := range parts {
		if p == "" || len(p) > 2 || skipDigits(p, 0) != len(p) {
			return 0, false
		}
		v, _ := strconv.Atoi(p)
		if i > 0 && v > 59 {
			return 0, false
		}
		seconds += v * unit
		unit /= 60
	}
	if seconds >= 16*3600 {
		return 0, false
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
