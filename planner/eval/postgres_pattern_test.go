//go:build clients

package eval_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// patterns are calls of to_char.
var patterns = []string{
	`to_char(timestamp '2002-04-20 17:31:12.66', 'HH12:MI:SS')`,
	`to_char(timestamp '2002-04-20 17:31:12.66', 'YYYY-MM-DD HH24:MI:SS.MS US AM a.m.')`,
	`to_char(timestamp '2002-04-05 07:31:12.66', 'Day, DD Month YYYY|day|DAY|Dy|FMDay, FMDD FMMonth|FMDDth DDTH')`,
	`to_char(timestamp '2002-04-05 07:31:12.66', 'IYYY-IW-ID DDD Q J CC WW W D
		"Quoted YYYY" Mon mon MON RM SSSS Y,YYY YY')`,
	`to_char(timestamp '0044-03-15 BC', 'YYYY BC')`,
	`to_char(timestamptz '2002-04-05 07:31:12.66+00', 'TZ tz OF TZH:TZM')`,
	`to_char(interval '15h 2m 12s', 'HH24:MI:SS')`,
	`to_char(125, '999')`,
	`to_char(-125.8, '999D99')`,
	`to_char(125.8::real, '999D9')`,
	`to_char(0.1, '0.9')`,
	`to_char(0.1, '99.99')`,
	`to_char(-0.1, '99.99')`,
	`to_char(12, '9990999.9')`,
	`to_char(485, '9,999')`,
	`to_char(1485, '9,999')`,
	`to_char(1234567.891, '9,999,999.99')`,
	`to_char(12345, '999')`,
	`to_char(-485, '999S')`,
	`to_char(485, '999MI')`,
	`to_char(-485, '999MI')`,
	`to_char(-485, '999PR')`,
	`to_char(485, 'FM999')`,
	`to_char(485.8, 'FM999.990')`,
	`to_char(485.80, 'FM999.999')`,
	`to_char(5, '000')`,
	`to_char(0, '999')`,
	`to_char(0, 'FM999.99')`,
	`to_char(0, '9.99')`,
	`to_char(148.5, 'FM999,999.00')`,
	`to_char(7, 'S000')`,
	`to_char(-7, 'S999')`,
}

func TestToChar(t *testing.T) {
	conn := connect(t)
	for _, x := range patterns {
		if diff := compare(conn, x); diff != "" {
			t.Errorf("%s: %s", x, diff)
		}
	}
}

// TestPatterns prints and reads numbers and times by random patterns.
func TestPatterns(t *testing.T) {
	conn := connect(t)
	rng := rand.New(rand.NewPCG(3, 4))
	bad := 0
	const n = 6000
	for range n {
		x := patternCall(rng)
		if diff := compare(conn, x); diff != "" && !strings.Contains(diff, `"RN" not supported`) {
			if bad++; bad <= 40 {
				t.Errorf("%s: %s", x, diff)
			}
		}
	}
	t.Logf("%d calls, %d differ", n, bad)
}

func pick(rng *rand.Rand, from string) string {
	words := strings.Split(from, "|")
	return words[rng.IntN(len(words))]
}

func repeat(rng *rand.Rand, least, most int, from string) string {
	var b strings.Builder
	for range least + rng.IntN(most-least+1) {
		b.WriteString(pick(rng, from))
	}
	return b.String()
}

func patternCall(rng *rand.Rand) string {
	const numbers = "0|1|-1|0.1|-0.5|12|485|-485.8|148.5|9.99|-99.95|1234567.891|0.05|1e20|12345678901234567890.123|100|-0|1e-7|" +
		"'NaN'|'Infinity'|'-Infinity'|2147483647|1999|4000|3"
	const numberParts = "9|9|9|9|0|0|99|999|9,999|.|.|D|,|G|S|MI|PL|SG|PR|FM|FM|RN|rn|V|EEEE|L|TH|th| |x|\"a b\"|$|%|B"
	const times = "2002-04-20 17:31:12.66|2001-01-31|1999-12-31 23:59:59.999999|0044-03-15 BC|2024-02-29 00:30|0001-01-01|" +
		"12345-06-07 12:00:00.5|2000-12-25 08:05:03.007"
	const timeWords = "YYYY|YYY|YY|Y|Y,YYY|IYYY|IYY|IY|I|MM|DD|DDD|IDDD|D|ID|W|WW|IW|CC|J|Q|RM|rm|Month|MONTH|month|Mon|MON|mon|" +
		"Day|DAY|day|Dy|DY|dy|HH|HH12|HH24|MI|SS|SSSS|SSSSS|MS|US|FF1|FF2|FF3|FF4|FF5|FF6|AM|am|A.M.|p.m.|BC|ad|B.C.|a.d.|hh24|mi|" +
		"TZH|TZM|OF|FX"
	const between = " |-|/|:|.|, |\"at\"|x|||T|_|FM|FM|TH|th|\\\\"
	timePattern := func(n int) string {
		var b strings.Builder
		for range 1 + rng.IntN(n) {
			b.WriteString(pick(rng, timeWords) + pick(rng, between))
		}
		return b.String()
	}
	switch rng.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("to_char(%s::%s, '%s')", "("+pick(rng, numbers)+")", pick(rng, "numeric|numeric|float8|float4"),
			repeat(rng, 1, 9, numberParts))
	case 2:
		return fmt.Sprintf("to_char((%s)::%s, '%s')", pick(rng, "0|1|-1|485|-485|123456|2147483647|1999|21"),
			pick(rng, "int4|int8"), repeat(rng, 1, 7, numberParts))
	case 3:
		return fmt.Sprintf("to_number('%s', '%s')", pick(rng, "-12,345.67|1.2|1.2-|-1|<12>|+5| 12 |12,454.8-|$1,000.00|1|.5|5.|ab1|"+
			"- 1|1 -|1.2.3|00012|1th|4,4|1x2"), repeat(rng, 1, 8, strings.ReplaceAll(numberParts, "RN|rn|", "")))
	case 4:
		return fmt.Sprintf("to_char(%s '%s', '%s')", pick(rng, "timestamp|timestamptz"), pick(rng, times), timePattern(6))
	case 5:
		words := strings.Join(slices.DeleteFunc(strings.Split(timePattern(5), ""), func(s string) bool {
			return s == "I" || s == "W" // weeks of no year
		}), "")
		return fmt.Sprintf("to_char(interval '%s', '%s')", pick(rng, "15h 2m 12s|1 year 2 mons -3 days 04:05:06.789|-1 month|0|"+
			"35 days 27 hours|-13 months -1 day -00:00:01|500 years"), words)
	case 6:
		return fmt.Sprintf("%s('%s', '%s')", pick(rng, "to_date|to_timestamp"), pick(rng,
			"2000 12 31|20001231|2000-12-31|05 Dec 2000|97/Feb/16|2011-12-18 23:38:15|2005-32|21 MAR 5|3 4 21 01|15 \"text\" 05|"+
				"44-02-01 BC|1-2-3|10:11 PM|-44-02-01|20000-1113|95-12|2011x 12x 18|2018-11-02 12:34:56.025|2015-02-11 10000|12 31 99|"+
				"2006-53-1|Fri 1-Jan-1999|2147483648|x|2002-04-20 17:31:12.66|  2000 -   10"),
			timePattern(5))
	}
	patterns := [][2]string{{"YYYY MM DD", "2000 12 31"}, {"YYYYMMDD", "20001231"}, {"DD Mon YYYY", "05 Dec 2000"},
		{"YYYY-DDD", "2021-60"}, {"IYYY-IW-ID", "2006-53-1"}, {"IYYY-IDDD", "2003-301"}, {"HH12:MI AM", "12:30 PM"},
		{"YYYY-MM-DD HH24:MI:SS.MS", "2018-11-02 12:34:56.25"}, {"YYYY-MM-DD HH24:MI:SSTZH:TZM", "2018-11-02 12:34:56-05:30"},
		{"CC YY", "20 99"}, {"YYYY WW", "2000 10"}, {"YYYY MM W", "2000 3 2"}, {"J", "2451545"}, {"Y,YYY MonDD", "1,997 Feb16"},
		{"DD RM YYYY", "7 viii 1999"}, {"FXYYYY-MM-DD", "2000-01-02"}, {"YYYYth MMth DDth", "2000th 03rd 04th"}, {"YYYY BC", "44 BC"},
		{"SSSSS", "80000"}, {"FMMonth DD, FMYYYY", "June 5, 2020"}, {"Day, DD Month YYYY", "Tuesday, 5 May 2020"}, {"MM/DD/YY", "7/4/76"}}
	p := patterns[rng.IntN(len(patterns))]
	text := []byte(p[1])
	if rng.IntN(2) == 0 { // one character that does not belong there
		text[rng.IntN(len(text))] = "0123456789 -/x:"[rng.IntN(15)]
	}
	return fmt.Sprintf("%s('%s', '%s')", pick(rng, "to_date|to_timestamp"), text, p[0])
}
