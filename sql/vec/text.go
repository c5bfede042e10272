package vec

import (
	"bytes"
	"unicode/utf8"

	"github.com/leatdb/leat/sql/types"
)

// AppendText prints row i as types.AppendText does; nothing for NULL.
func (c *Column) AppendText(dst []byte, i int, env types.Env) []byte {
	if c.IsNull(i) {
		return dst
	}
	i = c.At(i)
	switch c.Type.Class() {
	case types.ClassBool:
		return types.AppendBool(dst, c.Bool[i])
	case types.ClassInt:
		return types.AppendIntText(dst, c.Type, c.Int[i], env)
	case types.ClassFloat:
		return types.AppendFloatStyle(dst, c.Type, c.Float[i], env.Style)
	case types.ClassDecimal:
		return types.AppendDecimal(dst, c.Dec[i])
	case types.ClassInterval:
		return types.AppendIntervalText(dst, c.Ivl[i], env)
	case types.ClassBytes:
		return types.AppendBytesText(dst, c.Type, c.Bytes(i), env)
	case types.ClassList:
		return c.appendArrayText(dst, i, env)
	case types.ClassMap:
		return c.AppendJSON(dst, i, env)
	default:
		return c.appendRecordText(dst, i, env)
	}
}

func (c *Column) appendArrayText(dst []byte, i int, env types.Env) []byte {
	elems := c.Kids[0]
	if c.Type.IsVector() {
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			if j > int(c.Off[i]) {
				dst = append(dst, ' ')
			}
			dst = elems.AppendText(dst, j, env)
		}
		return dst
	}
	nested := elems.Type.Kind == types.KindArray
	dst = append(dst, '{')
	for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
		if j > int(c.Off[i]) {
			dst = append(dst, ',')
		}
		if elems.IsNull(j) {
			dst = append(dst, "NULL"...)
			continue
		}
		start := len(dst)
		dst = elems.AppendText(dst, j, env)
		if !nested {
			dst = types.QuoteArrayElem(dst, start)
		}
	}
	return append(dst, '}')
}

func (c *Column) appendRecordText(dst []byte, i int, env types.Env) []byte {
	dst = append(dst, '(')
	for k, kid := range c.Kids {
		if k > 0 {
			dst = append(dst, ',')
		}
		if !kid.IsNull(i) {
			start := len(dst)
			dst = types.QuoteRecordField(kid.AppendText(dst, i, env), start)
		}
	}
	return append(dst, ')')
}

// AppendJSON prints row i as types.AppendJSON does.
func (c *Column) AppendJSON(dst []byte, i int, env types.Env) []byte {
	if c.IsNull(i) {
		return append(dst, "null"...)
	}
	i = c.At(i)
	switch c.Type.Class() {
	case types.ClassList:
		dst = append(dst, '[')
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			if j > int(c.Off[i]) {
				dst = append(dst, ", "...)
			}
			dst = c.Kids[0].AppendJSON(dst, j, env)
		}
		return append(dst, ']')
	case types.ClassMap:
		dst = append(dst, '{')
		for j := int(c.Off[i]); j < int(c.Off[i+1]); j++ {
			if j > int(c.Off[i]) {
				dst = append(dst, ", "...)
			}
			dst = types.AppendJSONString(dst, c.Kids[0].AppendText(nil, j, env))
			dst = c.Kids[1].AppendJSON(append(dst, ": "...), j, env)
		}
		return append(dst, '}')
	case types.ClassStruct:
		dst = append(dst, '{')
		for k, f := range c.Type.Fields() {
			if k > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(types.AppendJSONString(dst, f.Name), ": "...)
			dst = c.Kids[k].AppendJSON(dst, i, env)
		}
		return append(dst, '}')
	}
	start := len(dst)
	return types.QuoteJSON(c.AppendText(dst, i, env), start, c.Type)
}

// ParseAppend reads the text of a value of the column's type, as types.Parse does, and appends it. After an error
// the column is as before.
func (c *Column) ParseAppend(s []byte, env types.Env) error {
	switch c.Type.Kind {
	case types.KindBool:
		v, err := types.ParseBool(s)
		if err == nil {
			c.AppendBool(v)
		}
		return err
	case types.KindInt2, types.KindInt4, types.KindInt8:
		return c.appendParsedInt(types.ParseInt(s, c.Type.Bits()))
	case types.KindDate:
		return c.appendParsedInt(types.ParseDate(s, env))
	case types.KindTime:
		v, err := types.ParseTime(s, env)
		return c.appendParsedInt(c.Type.RoundMicros(v), err)
	case types.KindTimestamp:
		v, err := types.ParseTimestamp(s, env)
		return c.appendParsedInt(c.Type.RoundMicros(v), err)
	case types.KindTimestampTZ:
		v, err := types.ParseTimestampTZ(s, env)
		return c.appendParsedInt(c.Type.RoundMicros(v), err)
	case types.KindFloat4, types.KindFloat8:
		v, err := types.ParseFloat(s, c.Type.Bits())
		if err == nil {
			c.AppendFloat(v)
		}
		return err
	case types.KindNumeric:
		v, err := types.ParseDecimal(s)
		if p, scale := c.Type.PrecisionScale(); err == nil && p > 0 {
			v, err = v.Fit(p, scale)
		}
		if err == nil {
			c.AppendDec(v)
		}
		return err
	case types.KindText, types.KindUnknown:
		return c.appendCheckedText(s)
	case types.KindVarchar:
		if c.Type.Mod < 0 {
			return c.appendCheckedText(s)
		}
	case types.KindEnum:
		return c.appendParsedInt(types.ParseEnum(c.Type, s, env))
	case types.KindUUID:
		u, err := types.ParseUUID(s)
		if err == nil {
			c.AppendBytes(u[:])
		}
		return err
	case types.KindBytea:
		data, err := types.ParseBytea(c.Data, s)
		if err == nil {
			c.Data = data
			c.CloseBytes()
		}
		return err
	}
	v, err := types.Parse(c.Type, string(s), env)
	if err == nil {
		c.AppendValue(v)
	}
	return err
}

func (c *Column) appendParsedInt(v int64, err error) error {
	if err == nil {
		c.AppendInt(v)
	}
	return err
}

func (c *Column) appendCheckedText(s []byte) error {
	if !utf8.Valid(s) || bytes.IndexByte(s, 0) >= 0 {
		return types.CheckText(s)
	}
	c.AppendBytes(s)
	return nil
}
