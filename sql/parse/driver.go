package parse

import (
	"errors"
	"io"

	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
	"github.com/pingcap/tidb/pkg/parser/types"
)

// The TiDB parser calls a driver for the values of literals. The core text has none; this stub keeps the real driver
// and its packages out of the binary.

var errLiteral = errors.New("the core text has no literals")

func init() {
	tidb.NewValueExpr = func(v any, _, _ string) tidb.ValueExpr { return &value{v: v} }
	tidb.NewParamMarkerExpr = func(int) tidb.ParamMarkerExpr { return nil }
	tidb.NewDecimal = func(string) (any, error) { return nil, errLiteral }
	tidb.NewHexLiteral = func(string) (any, error) { return nil, errLiteral }
	tidb.NewBitLiteral = func(string) (any, error) { return nil, errLiteral }
}

// value is a literal as far as the TiDB parser needs one.
type value struct {
	tidb.ValueExpr
	v    any
	off  int
	kind types.FieldType
}

func (*value) Restore(*format.RestoreCtx) error { return nil }
func (*value) Format(io.Writer)                 {}
func (*value) SetFlag(uint64)                   {}
func (*value) GetFlag() uint64                  { return 0 }

func (v *value) SetOriginTextPosition(off int) { v.off = off }
func (v *value) OriginTextPosition() int       { return v.off }
func (v *value) GetValue() any                 { return v.v }
func (v *value) GetType() *types.FieldType     { return &v.kind }

// Accept lets a visitor pass.
func (v *value) Accept(w tidb.Visitor) (tidb.Node, bool) {
	n, _ := w.Enter(v)
	return w.Leave(n)
}
