package ast

type (
	// Merge is MERGE.
	Merge struct {
		P
		With  *With // nil without
		Table Name
		Alias string
		Using From
		On    Expr
		When  []*MergeWhen
	}
	// MergeWhen is WHEN [NOT] MATCHED [AND Cond] THEN Do.
	MergeWhen struct {
		P
		Matched bool
		Cond    Expr     // or nil
		Do      string   // "UPDATE", "DELETE", "INSERT" or "NOTHING"
		Sets    []Assign // of UPDATE
		Columns []Name   // of INSERT; nil for all
		Values  []Expr   // of INSERT; nil for DEFAULT VALUES
	}
)

func (*Merge) stmt() {}
