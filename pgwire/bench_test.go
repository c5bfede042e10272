package pgwire

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/leatdb/leat/internal/conversation"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// mixed returns a batch of six columns, and their descriptions.
func mixed(n int) (*vec.Batch, []catalog.Column) {
	cols := []catalog.Column{
		{Name: "id", Type: types.Int8}, {Name: "name", Type: types.Text}, {Name: "delay", Type: types.Int4},
		{Name: "ratio", Type: types.Float8}, {Name: "at", Type: types.Timestamp}, {Name: "late", Type: types.Bool},
	}
	var ts []types.Type
	for _, c := range cols {
		ts = append(ts, c.Type)
	}
	b := vec.NewBatch(ts)
	for i := range n {
		b.Cols[0].AppendInt(int64(i) * 1_000_003)
		b.Cols[1].AppendString(fmt.Sprintf("airport %d", i%300))
		if i%7 == 0 {
			b.Cols[2].AppendNull()
		} else {
			b.Cols[2].AppendInt(int64(i%200 - 50))
		}
		b.Cols[3].AppendFloat(float64(i%1000) / 8)
		b.Cols[4].AppendInt(1_700_000_000_000_000 + int64(i)*1_000_017)
		b.Cols[5].AppendBool(i%3 == 0)
	}
	b.N = n
	return b, cols
}

// BenchmarkDataRow encodes rows of six columns. The goal is 5 million rows a second.
func BenchmarkDataRow(b *testing.B) {
	for _, format := range []int16{0, 1} {
		b.Run([]string{"text", "binary"}[format], func(b *testing.B) {
			batch, cols := mixed(1000)
			nc := &deaf{}
			c := newConn(nil, nc)
			c.roomy()
			w := newRowWriter(c, cols, []int16{format, format, format, format, format, format})
			b.ReportAllocs()
			rows := 0
			for b.Loop() {
				if err := w.rows(batch, 0, batch.N); err != nil {
					b.Fatal(err)
				}
				rows += batch.N
			}
			b.SetBytes(int64(nc.written / b.N))
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// sinkSession takes any statement for a COPY whose data it only counts.
type sinkSession struct{ fakeSession }

func (s *sinkSession) Open(context.Context, Startup) (Session, error) { return s, nil }
func (s *sinkSession) Close()                                         {}
func (s *sinkSession) Prepare(context.Context, parse.Statement, []types.Type) (Prepared, error) {
	return s, nil
}
func (s *sinkSession) Describe() ([]types.Type, []catalog.Column) { return nil, nil }
func (s *sinkSession) Execute(context.Context, []types.Value) (Result, error) {
	return &sinkCopy{}, nil
}

type sinkCopy struct {
	fakeCopyIn
	n int
}

func (c *sinkCopy) Write(_ context.Context, p []byte) error     { c.n += len(p); return nil }
func (c *sinkCopy) Finish(_ context.Context, cause error) error { return cause }
func (c *sinkCopy) Close()                                      {}
func (c *sinkCopy) Tag() (string, bool)                         { return fmt.Sprintf("COPY %d", c.n), false }

// BenchmarkCopyIn sends 200 MB over a loopback socket, in messages as large as psql's and as pgx's. "socket" is the same
// without a server: a reader that discards.
func BenchmarkCopyIn(b *testing.B) {
	const total = 200 << 20
	for _, size := range []int{8 << 10, 64 << 10} {
		message := binary.BigEndian.AppendUint32([]byte{'d'}, uint32(size+4))
		message = append(message, make([]byte, size)...)
		var chunk []byte
		for len(chunk) < 256<<10 {
			chunk = append(chunk, message...)
		}
		b.Run(fmt.Sprintf("socket-%dk", size>>10), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				nc, err := l.Accept()
				if err != nil {
					return
				}
				buf := make([]byte, wideBytes)
				for err == nil {
					_, err = nc.Read(buf)
				}
				nc.Close()
			}()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(total)
			for b.Loop() {
				for sent := 0; sent < total; sent += len(chunk) {
					nc.Write(chunk)
				}
			}
			nc.Close()
			<-done
		})
		b.Run(fmt.Sprintf("door-%dk", size>>10), func(b *testing.B) {
			sink := &sinkSession{fakeSession{status: Idle, b: newFake()}}
			s := conversation.Dial(b, conversation.TCP(listen(b, Config{Backend: sink}).Addr().String()))
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				s.Line(`Query "COPY t FROM STDIN"`)
				for sent := 0; sent < total; sent += len(chunk) {
					if _, err := s.Conn().Write(chunk); err != nil {
						b.Fatal(err)
					}
				}
				s.Line("CopyDone")
				s.SkipTo('Z')
			}
			s.Conn().Close()
		})
	}
}

// BenchmarkIdle measures the memory of a session that waits, after it has sent a large result.
func BenchmarkIdle(b *testing.B) {
	fake := newFake()
	server := listen(b, Config{Backend: fake})
	const n = 500
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&before)
		var conns []net.Conn
		for range n {
			s := conversation.Dial(b, conversation.TCP(server.Addr().String()))
			s.Line(`Query "SELECT numbers(10000)"`)
			s.SkipTo('Z')
			conns = append(conns, s.Conn())
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		used := after.HeapInuse + after.StackInuse - before.HeapInuse - before.StackInuse
		b.ReportMetric(float64(used)/n, "B/session")
		for _, nc := range conns {
			nc.Close()
		}
		fake.await(b, "open sessions", &fake.open, 0)
	}
}
