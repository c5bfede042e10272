package types

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// parseLSN reads a place in a write-ahead log: two numbers of sixteen, the higher half first.
func parseLSN(s string) (int64, error) {
	high, low, ok := strings.Cut(strings.TrimSpace(s), "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil || h > math.MaxInt32 {
		return 0, errSyntax("pg_lsn", s)
	}
	return int64(h<<32 | l), nil
}

func appendLSN(dst []byte, v int64) []byte {
	hex := func(n uint64) { dst = append(dst, strings.ToUpper(strconv.FormatUint(n, 16))...) }
	hex(uint64(v) >> 32)
	dst = append(dst, '/')
	hex(uint64(v) & math.MaxUint32)
	return dst
}

func parseXID8(s string) (int64, error) {
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, errSyntax("xid8", s)
	}
	return v, nil
}

// parseTID reads the place of a row, (block,row).
func parseTID(s string) (string, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(s), "(")
	inner, closed := strings.CutSuffix(inner, ")")
	block, row, comma := strings.Cut(inner, ",")
	b, err1 := strconv.ParseUint(block, 10, 32)
	r, err2 := strconv.ParseUint(row, 10, 16)
	if !ok || !closed || !comma || err1 != nil || err2 != nil {
		return "", errSyntax("tid", s)
	}
	return "(" + strconv.FormatUint(b, 10) + "," + strconv.FormatUint(r, 10) + ")", nil
}

// A TransactionSnapshot tells which transactions are seen: those below Min, and those from there up to, not including,
// Max that are not Running.
type TransactionSnapshot struct {
	Min, Max int64
	Running  []int64
}

// ParseSnapshot reads min:max:running,…; t is pg_snapshot or txid_snapshot.
func ParseSnapshot(t Type, s string) (TransactionSnapshot, error) {
	var v TransactionSnapshot
	var numbers []int64
	f := strings.Split(strings.TrimSpace(s), ":")
	ok := len(f) == 3
	if ok {
		list := f[:2]
		if f[2] != "" {
			list = append(list, strings.Split(f[2], ",")...)
		}
		for _, w := range list {
			n, err := strconv.ParseInt(w, 10, 64)
			ok = ok && err == nil && n > 0
			numbers = append(numbers, n)
		}
	}
	if ok {
		v = TransactionSnapshot{Min: numbers[0], Max: numbers[1], Running: slices.Compact(numbers[2:])}
		ok = v.Min <= v.Max && slices.IsSorted(v.Running)
		for _, n := range v.Running {
			ok = ok && n >= v.Min && n < v.Max
		}
	}
	if !ok {
		return v, errSyntax(t.String(), s)
	}
	return v, nil
}

// String prints the snapshot as it is read.
func (v TransactionSnapshot) String() string {
	var running []string
	for _, n := range v.Running {
		running = append(running, strconv.FormatInt(n, 10))
	}
	return strconv.FormatInt(v.Min, 10) + ":" + strconv.FormatInt(v.Max, 10) + ":" + strings.Join(running, ",")
}

// First is the first transaction that may be running.
func (v TransactionSnapshot) First() int64 { return v.Min }

// End is the first transaction that had not begun.
func (v TransactionSnapshot) End() int64 { return v.Max }

// Sees reports whether a transaction is seen.
func (v TransactionSnapshot) Sees(id int64) bool {
	return id >= 0 && (id < v.Min || id < v.Max && !slices.Contains(v.Running, id))
}
