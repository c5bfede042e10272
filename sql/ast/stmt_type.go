package ast

type (
	// Label is a label of an enum.
	Label struct {
		P
		Text string
	}
	// CreateType is CREATE TYPE name AS type, another name for a type, or AS ENUM, with Type nil.
	CreateType struct {
		P
		IfNotExists bool
		Name        Name
		Type        *Type
		Labels      []Label
	}
	// CreateDomain is CREATE DOMAIN: Def has the type and its default, New what else was written, as of a column.
	CreateDomain struct {
		P
		Name Name
		Def  *ColumnDef
		New  *Create
	}
	// AlterEnum is ALTER TYPE … ADD VALUE and RENAME VALUE.
	AlterEnum struct {
		P
		Name        Name
		IfNotExists bool
		Label       Label // the one that is added or renamed
		To          *Label
		Near        *Label // the one that a new one stands beside, before it with Before; nil for the end
		Before      bool
	}
)

func (*CreateType) stmt()   {}
func (*CreateDomain) stmt() {}
func (*AlterEnum) stmt()    {}
