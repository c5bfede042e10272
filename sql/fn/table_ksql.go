package fn

import (
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// explodeDecls declares ksqlDB's set-returning functions.
func explodeDecls() []Table {
	return []Table{
		{Name: "explode", Args: in(AnyArray), Cols: []types.Field{{Type: AnyElement}}, Strict: true,
			Kernel: tablewise(explode),
			Doc: Doc{Summary: "Gives a row for every element of an array.",
				Examples: ex("explode(ARRAY[3,1,2])", "3;1;2")}},
		{Name: "cube_explode", Args: in(AnyArray), Cols: []types.Field{{Type: AnyArray}}, Strict: true,
			Kernel: tablewise(cubeExplode),
			Doc: Doc{Summary: "Gives a row for every way of replacing elements of an array by NULL; those that are NULL " +
				"already stay.", Examples: ex("cube_explode(ARRAY[1,2])", "{NULL,NULL};{NULL,2};{1,NULL};{1,2}")}},
	}
}

func explode(r Row, out []*vec.Column) error {
	a, lo, hi := r.List(0)
	out[0].AppendRange(a.Kids[0], lo, hi)
	return nil
}

// maxCube is how many elements cube_explode takes: they give 2^maxCube rows.
const maxCube = 16

// cubeExplode counts from all NULL to the array as it is, the last element changing fastest.
func cubeExplode(r Row, out []*vec.Column) error {
	a, lo, hi := r.List(0)
	free := 0 // elements that are not NULL
	for k := lo; k < hi; k++ {
		if !a.Kids[0].IsNull(k) {
			free++
		}
	}
	if free > maxCube {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "cube_explode takes at most %d elements that are not NULL", maxCube)
	}
	for set := range 1 << free {
		bit := free
		for k := lo; k < hi; k++ {
			shown := !a.Kids[0].IsNull(k)
			if shown {
				bit--
				shown = set>>bit&1 == 1
			}
			if shown {
				out[0].Kids[0].AppendFrom(a.Kids[0], k)
			} else {
				out[0].Kids[0].AppendNull()
			}
		}
		out[0].CloseList()
	}
	return nil
}
