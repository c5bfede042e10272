package vec

import (
	"math/bits"
	"strconv"
	"testing"

	"github.com/leatdb/leat/sql/types"
)

const benchRows = 1024

func benchBatch() *Batch {
	b := NewBatch([]types.Type{types.Int8, types.Text, types.Float8, types.TimestampTZ, types.Numeric})
	for i := range benchRows {
		b.Cols[0].AppendInt(int64(i) * 7919)
		b.Cols[1].AppendString("key-" + strconv.Itoa(i))
		b.Cols[2].AppendFloat(float64(i) / 3)
		b.Cols[3].AppendInt(1700000000000000 + int64(i)*1000003)
		b.Cols[4].AppendDec(types.Decimal{Coef: int64(i), Scale: 2})
	}
	b.N = benchRows
	return b
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func BenchmarkAppendInt(b *testing.B) {
	c := NewColumn(types.Int8)
	for b.Loop() {
		c.Reset()
		for i := range benchRows {
			c.AppendInt(int64(i))
		}
	}
	perRow(b)
}

func BenchmarkGather(b *testing.B) {
	src := benchBatch()
	sel := make([]int32, benchRows)
	for i := range sel {
		sel[i] = int32(bits.Reverse32(uint32(i)) >> 22)
	}
	out := NewBatch(src.Types())
	b.ReportAllocs()
	for b.Loop() {
		for k, c := range out.Cols {
			c.Reset()
			c.Gather(src.Cols[k], sel)
		}
	}
	perRow(b)
}

func BenchmarkHash(b *testing.B) {
	src := benchBatch()
	var out []uint64
	b.ReportAllocs()
	for b.Loop() {
		out = Hash(src.Cols[:2], benchRows, out)
	}
	perRow(b)
}

func BenchmarkRow(b *testing.B) {
	src := benchBatch()
	out := NewBatch(src.Types())
	var row []byte
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range out.Cols {
			c.Reset()
		}
		for i := range benchRows {
			row = AppendRow(row[:0], src.Cols, i)
			if _, err := DecodeRow(row, out.Cols); err != nil {
				b.Fatal(err)
			}
		}
	}
	perRow(b)
}

func BenchmarkKey(b *testing.B) {
	src := benchBatch()
	var key []byte
	b.ReportAllocs()
	for b.Loop() {
		for i := range benchRows {
			key = AppendKey(key[:0], src.Cols[0], i, false, false)
			key = AppendKey(key, src.Cols[1], i, false, false)
		}
	}
	perRow(b)
}

func BenchmarkText(b *testing.B) {
	src := benchBatch()
	var dst []byte
	for _, c := range src.Cols {
		b.Run(c.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for i := range benchRows {
					dst = c.AppendText(dst[:0], i, types.Env{})
				}
			}
			perRow(b)
		})
	}
}

func BenchmarkParse(b *testing.B) {
	src := benchBatch()
	for _, c := range src.Cols {
		b.Run(c.Type.String(), func(b *testing.B) {
			texts := make([][]byte, benchRows)
			for i := range texts {
				texts[i] = c.AppendText(nil, i, types.Env{})
			}
			out := NewColumn(c.Type)
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				for _, t := range texts {
					if err := out.ParseAppend(t, types.Env{}); err != nil {
						b.Fatal(err)
					}
				}
			}
			perRow(b)
		})
	}
}

// TestHashIsForever pins hashes, which are stored and partition data, and looks at how they spread.
func TestHashIsForever(t *testing.T) {
	for _, x := range []struct {
		v    types.Value
		want uint64
	}{
		{types.Value{Type: types.Int8, Int: 42}, hashOf42},
		{types.Value{Type: types.Text, Str: "leat"}, hashOfLeat},
		{types.NullOf(types.Text), hashOfNull},
		{types.Value{Type: types.Numeric, Dec: types.Decimal{Coef: 100, Scale: 2}}, hashOfOne},
	} {
		if got := HashValue(x.v); got != x.want {
			t.Errorf("the hash of %v is %#x, want %#x", x.v, got, x.want)
		}
	}
	c := NewColumn(types.Int8)
	const n, buckets = 1 << 16, 64
	for i := range n {
		c.AppendInt(int64(i) << 20)
	}
	var low, high [buckets]int
	for _, h := range Hash([]*Column{c}, n, nil) {
		low[h%buckets]++
		high[h>>58]++
	}
	for i := range buckets {
		for _, got := range []int{low[i], high[i]} {
			if got < n/buckets*8/10 || got > n/buckets*12/10 {
				t.Errorf("a bucket has %d of %d", got, n)
			}
		}
	}
}

const (
	hashOf42   = 0x578f94e0ec97ea9
	hashOfLeat = 0xb8088b47e62cfe60
	hashOfNull = 0x54132f5962a93c16
	hashOfOne  = 0xe7bbd3f5ca3bcd51
)
