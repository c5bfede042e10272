package conversation

import (
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// split cuts a line into words; quoted ones are Go strings.
func split(t testing.TB, line string) []string {
	var words []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			word, _ := strconv.Unquote(q)
			words, line = append(words, word), line[len(q):]
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		words, line = append(words, word), rest
	}
	return words
}

// rawBytes makes bytes of hexadecimal words and quoted texts.
func rawBytes(t testing.TB, line string) []byte {
	var out []byte
	_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		if rest[0] == '"' {
			q, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := strconv.Unquote(q)
			out, rest = append(out, text...), rest[len(q):]
			continue
		}
		word, after, _ := strings.Cut(rest, " ")
		b, err := hex.DecodeString(word)
		if err != nil {
			t.Fatal(err)
		}
		out, rest = append(out, b...), after
	}
	return out
}

// message makes a message of the words of a line:
//
//	Query TEXT               Parse NAME TEXT OID…        Describe S|P NAME    Close S|P NAME
//	Execute PORTAL LIMIT     Sync, Flush, Terminate      CopyData TEXT        CopyDone    CopyFail WHY
//	Bind PORTAL STATEMENT VALUE… [result FORMAT…]        a VALUE is text, NULL, or b:HEX in the binary format
func message(t testing.TB, w []string) []byte {
	arg := func(i int) string {
		if i < len(w) {
			return w[i]
		}
		return ""
	}
	number := func(s string) uint32 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatalf("%v: %v", w, err)
		}
		return uint32(n)
	}
	var m pgproto3.FrontendMessage
	switch w[0] {
	case "Query":
		m = &pgproto3.Query{String: arg(1)}
	case "Parse":
		p := &pgproto3.Parse{Name: arg(1), Query: arg(2)}
		for _, oid := range w[min(3, len(w)):] {
			p.ParameterOIDs = append(p.ParameterOIDs, number(oid))
		}
		m = p
	case "Bind":
		m = bindMessage(t, w, number)
	case "Describe":
		m = &pgproto3.Describe{ObjectType: arg(1)[0], Name: arg(2)}
	case "Close":
		m = &pgproto3.Close{ObjectType: arg(1)[0], Name: arg(2)}
	case "Execute":
		m = &pgproto3.Execute{Portal: arg(1), MaxRows: number(arg(2))}
	case "Sync":
		m = &pgproto3.Sync{}
	case "Flush":
		m = &pgproto3.Flush{}
	case "Terminate":
		m = &pgproto3.Terminate{}
	case "CopyData":
		m = &pgproto3.CopyData{Data: []byte(arg(1))}
	case "CopyDone":
		m = &pgproto3.CopyDone{}
	case "CopyFail":
		m = &pgproto3.CopyFail{Message: arg(1)}
	default:
		t.Fatalf("%q is not a line of a script", w[0])
	}
	b, err := m.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bindMessage(t testing.TB, w []string, number func(string) uint32) *pgproto3.Bind {
	m := &pgproto3.Bind{DestinationPortal: w[1], PreparedStatement: w[2]}
	for i, v := range w[3:] {
		if v == "result" {
			for _, f := range w[3+i+1:] {
				m.ResultFormatCodes = append(m.ResultFormatCodes, int16(number(f)))
			}
			break
		}
		format := int16(0)
		value := []byte(v)
		if h, ok := strings.CutPrefix(v, "b:"); ok {
			b, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			format, value = 1, b
		} else if v == "NULL" {
			value = nil
		}
		m.Parameters = append(m.Parameters, value)
		m.ParameterFormatCodes = append(m.ParameterFormatCodes, format)
	}
	return m
}
