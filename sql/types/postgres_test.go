//go:build clients

package types_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/pgtest"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// connect opens a session in the given time zone.
func connect(t *testing.T, zone string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), pgtest.Start(t)+" options='-c TimeZone="+zone+"'")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// answer is what a literal gave: an error, or its text and its binary form.
type answer struct{ text, binary, code, message string }

func (a answer) String() string {
	if a.code != "" {
		return a.code + " " + a.message
	}
	return a.text + " " + a.binary
}

// askPostgres converts a literal by a statement that takes it as a parameter of the type and returns it twice.
func askPostgres(t *testing.T, conn *pgconn.PgConn, stmt, literal string) answer {
	t.Helper()
	r := conn.ExecPrepared(context.Background(), stmt, [][]byte{[]byte(literal)}, []int16{0}, []int16{0, 1}).Read()
	if e, ok := r.Err.(*pgconn.PgError); ok {
		return answer{code: e.Code, message: e.Message}
	}
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return answer{text: string(r.Rows[0][0]), binary: hex.EncodeToString(r.Rows[0][1])}
}

func askOurs(typ types.Type, env types.Env, literal string) answer {
	v, err := types.Parse(typ, literal, env)
	if err != nil {
		e := sqlerr.From(err)
		return answer{code: string(e.Code), message: e.Message}
	}
	return answer{
		text:   string(types.AppendText(nil, v, env)),
		binary: hex.EncodeToString(types.AppendBinary(nil, v)),
	}
}

// differ compares every literal, and that what PostgreSQL sends in binary is read back as the same text.
func differ(t *testing.T, conn *pgconn.PgConn, env types.Env, typeName string, literals []string) {
	t.Helper()
	typ, ok := types.ByName(typeName)
	if !ok {
		t.Fatalf("no type %s", typeName)
	}
	stmt := "s" + strconv.Itoa(rand.Int())
	base := typ.Base()
	if typ.Kind == types.KindArray {
		base = types.ArrayOf(typ.Elem().Base())
	}
	sql := fmt.Sprintf("SELECT a, a FROM (SELECT $1::%s) x (a)", base)
	if typ.Mod >= 0 { // an assignment is as strict as input is
		create := fmt.Sprintf("CREATE TEMP TABLE %s (a %s)", stmt, typeName)
		if _, err := conn.Exec(context.Background(), create).ReadAll(); err != nil {
			t.Fatal(err)
		}
		sql = fmt.Sprintf("INSERT INTO %s VALUES ($1) RETURNING a, a", stmt)
	}
	if _, err := conn.Prepare(context.Background(), stmt, sql, nil); err != nil {
		t.Fatal(err)
	}
	bad := 0
	for _, l := range literals {
		want := askPostgres(t, conn, stmt, l)
		got := askOurs(typ, env, l)
		if got != want {
			bad++
			t.Errorf("%s %q:\n  got  %s\n  want %s", typeName, l, got, want)
		} else if want.code == "" {
			b, _ := hex.DecodeString(want.binary)
			v, err := types.ParseBinary(typ, b)
			if back := string(types.AppendText(nil, v, env)); err != nil || back != want.text {
				bad++
				t.Errorf("%s %q: binary read back as %q, %v; want %q", typeName, l, back, err, want.text)
			}
		}
		if bad > 40 {
			t.Fatal("too many differences")
		}
	}
}

func TestPostgresLiterals(t *testing.T) {
	conn := connect(t, "UTC")
	for typ, text := range literals {
		differ(t, conn, types.Env{}, typ, strings.Split(strings.Trim(text, "\n"), "\n"))
	}
}

func TestPostgresTimeZones(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Asia/Kolkata", "Europe/Dublin", "Australia/Lord_Howe"} {
		loc, err := types.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		conn := connect(t, zone)
		rng := rand.New(rand.NewPCG(1, 2))
		var in []string
		for range 300 {
			at := time.Unix(rng.Int64N(6e9)-2e9, 0).UTC()
			in = append(in, at.Format("2006-01-02 15:04:05"), at.Format("2006-01-02T15:04:05Z"))
		}
		for year := 1975; year < 2040; year += 5 { // hours that clocks skip, and that come twice
			for _, month := range []int{3, 4, 10, 11} {
				for day := 1; day <= 31; day += 3 {
					in = append(in, fmt.Sprintf("%d-%02d-%02d 02:30:00", year, month, min(day, 30)))
				}
			}
		}
		in = append(in, "2024-03-10 02:30:00", "2024-11-03 01:30:00", "2024-03-31 01:30", "2024-10-27 01:30",
			"1850-01-01 00:00:00", "infinity", "epoch", "2024-10-06 02:15", "2024-04-07 01:45", "0044-03-15 12:00 BC")
		differ(t, conn, types.Env{Location: loc}, "timestamptz", in)
	}
}

// The generated literals are always the same; another seed gives others.
const (
	seed            = 2
	literalsPerType = 300
)

func TestPostgresGenerated(t *testing.T) {
	conn := connect(t, "UTC")
	for typ, gen := range generators {
		rng := rand.New(rand.NewPCG(seed, 4))
		var in []string
		for range literalsPerType {
			in = append(in, gen(rng))
		}
		differ(t, conn, types.Env{}, typ, in)
	}
}

func pick(rng *rand.Rand, words ...string) string { return words[rng.IntN(len(words))] }

func digits(rng *rand.Rand, most int) string {
	b := make([]byte, 1+rng.IntN(most))
	for i := range b {
		b[i] = byte('0' + rng.IntN(10))
	}
	return string(b)
}

func randomText(rng *rand.Rand) string {
	const chars = `ab"\{},() 'é|:`
	var b strings.Builder
	r := []rune(chars)
	for range rng.IntN(8) {
		b.WriteRune(r[rng.IntN(len(r))])
	}
	return b.String()
}

func randomNumeric(rng *rand.Rand) string {
	s := pick(rng, "", "-", "+", " ") + digits(rng, 25)
	if rng.IntN(2) == 0 {
		s += "." + digits(rng, 25)
	}
	if rng.IntN(4) == 0 {
		s += pick(rng, "e", "E") + pick(rng, "", "-", "+") + digits(rng, 2)
	}
	return s
}

func randomDate(rng *rand.Rand) string {
	y, m, d := rng.IntN(3000), 1+rng.IntN(13), 1+rng.IntN(32)
	month := []string{"jan", "February", "Mar", "sep", "sept", "Dec", "Smarch"}[rng.IntN(7)]
	switch rng.IntN(9) {
	case 0:
		return fmt.Sprintf("%04d-%02d-%02d", y, m, d)
	case 1:
		return fmt.Sprintf("%d/%d/%d", m, d, y)
	case 2:
		return fmt.Sprintf("%s %d, %d", month, d, y)
	case 3:
		return fmt.Sprintf("%d-%s-%d", d, month, y)
	case 4:
		return fmt.Sprintf("%04d%02d%02d", y, m, d)
	case 5:
		return fmt.Sprintf("%04d-%02d-%02d BC", y, m, d)
	case 6:
		return fmt.Sprintf("%d %s %d", d, month, y)
	case 7:
		return fmt.Sprintf("%d.%d.%d", m, d, y)
	default:
		return fmt.Sprintf("%s-%d-%d", month, d, y)
	}
}

func randomTime(rng *rand.Rand) string {
	h, m, s := rng.IntN(26), rng.IntN(61), rng.IntN(62)
	switch rng.IntN(6) {
	case 0:
		return fmt.Sprintf("%02d:%02d:%02d", h, m, s)
	case 1:
		return fmt.Sprintf("%d:%d", h, m)
	case 2:
		return fmt.Sprintf("%02d:%02d:%02d.%s", h, m, s, digits(rng, 8))
	case 3:
		return fmt.Sprintf("%d:%02d %s", h, m, pick(rng, "am", "PM"))
	case 4:
		return fmt.Sprintf("%02d%02d%02d", h, m, s)
	default:
		return fmt.Sprintf("%02d:%02d:%02d", h%24, m%60, s%60)
	}
}

func randomZone(rng *rand.Rand) string {
	return pick(rng, "", "", "Z", "+02", "-0330", "+05:30", " UTC", " PST", " America/New_York", "-11:30:15",
		"+16", " z", " edt")
}

func randomInterval(rng *rand.Rand) string {
	units := []string{"year", "years", "mon", "months", "day", "days", "d", "weeks", "hour", "hours", "h", "min", "sec",
		"seconds", "ms", "us", "decade", "century", "y", "mils", "millisecond"}
	var b strings.Builder
	for range 1 + rng.IntN(3) {
		n := pick(rng, "", "-", "+") + digits(rng, 4)
		if rng.IntN(3) == 0 {
			n += "." + digits(rng, 7)
		}
		b.WriteString(n + pick(rng, " ", "") + units[rng.IntN(len(units))] + " ")
	}
	switch rng.IntN(4) {
	case 0:
		b.WriteString(pick(rng, "", "-", "+") + randomTime(rng))
	case 1:
		b.WriteString("ago")
	}
	return b.String()
}

func randomISOInterval(rng *rand.Rand) string {
	s := "P"
	part := func(unit string) {
		if rng.IntN(2) == 0 {
			s += pick(rng, "", "-") + digits(rng, 3)
			if rng.IntN(3) == 0 {
				s += "." + digits(rng, 3)
			}
			s += unit
		}
	}
	part("Y")
	part("M")
	part("W")
	part("D")
	if rng.IntN(2) == 0 {
		s += "T"
		part("H")
		part("M")
		part("S")
	}
	return s
}

func randomJSON(rng *rand.Rand, depth int) string {
	switch n := rng.IntN(8); {
	case n == 0 && depth > 0:
		var parts []string
		for range rng.IntN(4) {
			parts = append(parts, pick(rng, `"a"`, `"bb"`, `"c"`, `""`, `"\u0041"`)+pick(rng, ":",
				" : ")+randomJSON(rng, depth-1))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case n <= 2 && depth > 0:
		var parts []string
		for range rng.IntN(4) {
			parts = append(parts, randomJSON(rng, depth-1))
		}
		return "[ " + strings.Join(parts, " , ") + "]"
	case n <= 4:
		return pick(rng, "1", "-0", "1.50", "1e3", "1E-2", "-12.0e+1", "0.0", "123456789012345678901234567890", "01",
			"1.", ".5", "+1", "-", "1e")
	case n == 5:
		return pick(rng, "true", "false", "null", "tru", "True", "nulll")
	default:
		return pick(rng, `"x"`, `"\n\t\"\\\/"`, `"é\u00e9\ud83d\ude00"`, `"\u001f"`, `"a`, `"\x"`, `"\u12"`, "\"\t\"")
	}
}

var generators = map[string]func(*rand.Rand) string{
	"int2": func(rng *rand.Rand) string { return pick(rng, "", "-", "+") + digits(rng, 6) },
	"int4": func(rng *rand.Rand) string {
		return pick(rng, "", "-", "+", " -") + digits(rng, 11) + pick(rng, "", " ")
	},
	"int8": func(rng *rand.Rand) string { return pick(rng, "", "-", "+") + digits(rng, 20) },
	"oid":  func(rng *rand.Rand) string { return digits(rng, 10) },
	"float8": func(rng *rand.Rand) string {
		return strconv.FormatFloat(math.Float64frombits(rng.Uint64()), 'g', -1, 64)
	},
	"float4": func(rng *rand.Rand) string {
		return strconv.FormatFloat(float64(math.Float32frombits(rng.Uint32())), 'g', -1, 32)
	},
	"float8[]": func(rng *rand.Rand) string { // numbers of every size, and middles between floats
		return fmt.Sprintf("{%s,%d,%de%d}", randomNumeric(rng), uint64(1)<<(53+rng.IntN(11))+uint64(rng.IntN(3)),
			rng.IntN(1000), rng.IntN(40)-20)
	},
	"float4[]": func(rng *rand.Rand) string {
		return fmt.Sprintf("{%s,%d,%de%d}", digits(rng, 12), uint64(1)<<(20+rng.IntN(20))+uint64(rng.IntN(3)),
			rng.IntN(1000), rng.IntN(20)-10)
	},
	"numeric":       randomNumeric,
	"numeric(10,3)": func(rng *rand.Rand) string { return digits(rng, 8) + "." + digits(rng, 6) },
	"numeric(3,5)":  func(rng *rand.Rand) string { return "0.00" + digits(rng, 6) },
	"numeric(3,-2)": func(rng *rand.Rand) string { return digits(rng, 6) },
	"date":          randomDate,
	"time":          randomTime,
	"time(2)":       randomTime,
	"timestamp":     func(rng *rand.Rand) string { return randomDate(rng) + " " + randomTime(rng) },
	"timestamp(0)": func(rng *rand.Rand) string {
		return fmt.Sprintf("%d-01-01 10:00:%02d.%s", 1900+rng.IntN(200), rng.IntN(60), pick(rng, "5", "49", "500001", "9"))
	},
	"timestamptz": func(rng *rand.Rand) string {
		date, clock := randomDate(rng), randomTime(rng)
		if strings.HasSuffix(date, "C") || strings.HasPrefix(date, "Smarch") ||
			strings.HasSuffix(strings.ToLower(clock), "m") {
			return date + " " + clock + " " + randomZone(rng)
		}
		return date + pick(rng, " ", "T") + clock + randomZone(rng)
	},
	"interval": func(rng *rand.Rand) string {
		if rng.IntN(3) == 0 {
			return randomISOInterval(rng)
		}
		return randomInterval(rng)
	},
	"text":       randomText,
	"varchar(3)": randomText,
	"char(4)":    randomText,
	"text[]": func(rng *rand.Rand) string {
		return "{" + randomText(rng) + "," + pick(rng, "null", "NULL", `"x y"`, "\\,", "") + "}"
	},
	"json":  func(rng *rand.Rand) string { return randomJSON(rng, 3) },
	"jsonb": func(rng *rand.Rand) string { return randomJSON(rng, 3) },
	"bytea": func(rng *rand.Rand) string {
		return pick(rng, `\x`+digits(rng, 9), `\x `+"ab cd", randomText(rng), `\001\377\\`, `\400`)
	},
}
