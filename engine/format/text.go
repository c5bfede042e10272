package format

import (
	"strconv"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// parseText appends the value that s is the text of, as PostgreSQL writes it; s must be UTF-8 without zero bytes, and
// may change later. After an error c is as it was.
func parseText(c *vec.Column, s []byte, env types.Env) error {
	switch c.Type.Kind {
	case types.KindText:
		c.AppendBytes(s)
		return nil
	case types.KindInt2, types.KindInt4, types.KindInt8:
		if v, next := scanInt(s, 0); next == len(s) && types.CheckInt(v, c.Type.Bits()) == nil {
			c.AppendInt(v)
			return nil
		}
	case types.KindFloat8, types.KindNumeric:
		if appendNumber(c, s) {
			return nil
		}
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
		var buf [19]byte
		s = plainTime(s, &buf)
	}
	return c.ParseAppend(s, env)
}

// parseRecordText is parseText for a field of a record: ksqlDB writes dates and times as numbers there.
func parseRecordText(c *vec.Column, s []byte) error {
	err := parseText(c, s, types.Env{Former: true})
	if err != nil && appendTimeNumber(c, s) {
		return nil
	}
	return err
}

// appendTimeNumber appends a date, time or timestamp that stands there as a number in text, as ksqlDB reads it.
func appendTimeNumber(c *vec.Column, s []byte) bool {
	switch c.Type.Kind {
	case types.KindDate, types.KindTime, types.KindTimestamp, types.KindTimestampTZ:
	default:
		return false
	}
	v, next := scanInt(s, 0)
	if next != len(s) || next == 0 {
		return false
	}
	v, ok := timeFromNumber(v, c.Type)
	if ok {
		c.AppendInt(v)
	}
	return ok
}

// appendNumber is the fast way for floats and numerics of ordinary size.
func appendNumber(c *vec.Column, s []byte) bool {
	n, ok := wholeNumber(s)
	if !ok {
		return false
	}
	if c.Type.Kind == types.KindFloat8 {
		v, ok := n.float(s, types.KindFloat8)
		if ok && v != 0 { // PostgreSQL refuses numbers that are too small
			c.AppendFloat(v)
		}
		return ok && v != 0
	}
	v, ok := n.decimal()
	if ok && c.Type.Mod < 0 {
		c.AppendDec(v)
	}
	return ok && c.Type.Mod < 0
}

// appendText appends row i of c, which is not NULL, as PostgreSQL writes it.
func appendText(dst []byte, c *vec.Column, i int, env types.Env) []byte {
	switch c.Type.Kind {
	case types.KindText, types.KindVarchar:
		return append(dst, c.Bytes(i)...)
	case types.KindInt2, types.KindInt4, types.KindInt8:
		return strconv.AppendInt(dst, c.Int[c.At(i)], 10)
	}
	return c.AppendText(dst, i, env)
}

// namedFault completes what wrongValue returned.
func namedFault(name string, e *sqlerr.Error) *sqlerr.Error {
	e.Message = "cannot read field \"" + name + "\" " + e.Message
	return e
}
