package format

import (
	"encoding/binary"
	"math"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// The format KAFKA is what Kafka's own serializers write: one column, big-endian numbers, text and bytes as they are.

func checkKafka(s Schema) error {
	if len(s.Names) != 1 {
		return sqlerr.New(sqlerr.FeatureNotSupported, "format KAFKA holds one column, not %d", len(s.Names)).
			WithHint("Use JSON or DELIMITED.")
	}
	switch s.Types[0].Kind {
	case types.KindInt2, types.KindInt4, types.KindInt8, types.KindFloat4, types.KindFloat8, types.KindBytea,
		types.KindText, types.KindVarchar, types.KindEnum:
		return nil
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "format KAFKA does not support type %s", s.Types[0])
}

type kafkaDecoder struct {
	name string
	typ  types.Type
}

func newKafkaDecoder(s Schema) kafkaDecoder { return kafkaDecoder{name: s.Names[0], typ: s.Types[0]} }

// Decode reads every record; see Decoder.
func (d kafkaDecoder) Decode(values [][]byte, cols []*vec.Column, bad func(i int, err error)) {
	c := cols[0]
	size := kafkaSize(d.typ.Kind)
	for i, b := range values {
		var err error
		switch {
		case size > 0 && len(b) != size:
			err = sqlerr.New(sqlerr.InvalidBinaryRepresentation, "cannot read field %q as %s: it has %d bytes, not %d",
				d.name, d.typ, len(b), size)
		case size == 0 && d.typ.Kind != types.KindBytea:
			err = d.appendText(b, c)
		case c != nil:
			appendKafka(c, b)
		}
		if err != nil {
			bad(i, err)
		}
	}
}

// kafkaSize returns how many bytes a value has, 0 when that varies.
func kafkaSize(k types.Kind) int {
	switch k {
	case types.KindInt2:
		return 2
	case types.KindInt4, types.KindFloat4:
		return 4
	case types.KindInt8, types.KindFloat8:
		return 8
	}
	return 0
}

func (d kafkaDecoder) appendText(b []byte, c *vec.Column) error {
	err := types.CheckText(b)
	if err == nil && c != nil {
		err = parseText(c, b, types.Env{Former: true})
	}
	if err != nil {
		return namedFault(d.name, wrongValue(b, d.typ, err))
	}
	return nil
}

func appendKafka(c *vec.Column, b []byte) {
	switch c.Type.Kind {
	case types.KindInt2:
		c.AppendInt(int64(int16(binary.BigEndian.Uint16(b))))
	case types.KindInt4:
		c.AppendInt(int64(int32(binary.BigEndian.Uint32(b))))
	case types.KindInt8:
		c.AppendInt(int64(binary.BigEndian.Uint64(b)))
	case types.KindFloat4:
		appendAnyFloat(c, float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
	case types.KindFloat8:
		appendAnyFloat(c, math.Float64frombits(binary.BigEndian.Uint64(b)))
	default:
		c.AppendBytes(b)
	}
}

// appendAnyFloat appends v, all NaNs as the same one.
func appendAnyFloat(c *vec.Column, v float64) {
	if v != v {
		v = math.NaN()
	}
	c.AppendFloat(v)
}

type kafkaEncoder struct{}

// AppendRecord appends row i; see Encoder.
func (kafkaEncoder) AppendRecord(dst []byte, cols []*vec.Column, i int) []byte {
	c := cols[0]
	if i = c.At(i); c.IsNull(i) {
		return dst
	}
	switch c.Type.Kind {
	case types.KindInt2:
		return binary.BigEndian.AppendUint16(dst, uint16(c.Int[i]))
	case types.KindInt4:
		return binary.BigEndian.AppendUint32(dst, uint32(c.Int[i]))
	case types.KindInt8:
		return binary.BigEndian.AppendUint64(dst, uint64(c.Int[i]))
	case types.KindFloat4:
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(c.Float[i])))
	case types.KindFloat8:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(c.Float[i]))
	case types.KindEnum:
		return appendText(dst, c, i, types.Env{})
	}
	return append(dst, c.Bytes(i)...)
}

// AppendRecords appends rows lo to hi; see Encoder.
func (e kafkaEncoder) AppendRecords(dst []byte, ends []int, cols []*vec.Column, lo, hi int) ([]byte, []int) {
	for ; lo < hi; lo++ {
		dst = e.AppendRecord(dst, cols, lo)
		ends = append(ends, len(dst))
	}
	return dst, ends
}
