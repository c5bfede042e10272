package engine

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/planner/eval"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/vec"
)

// upsert is an INSERT on its way, row by row. What ON CONFLICT DO UPDATE meets is changed many rows at a time where the
// rows that come after it cannot notice.
type upsert struct {
	*draft
	rows     *vec.Batch
	conflict *planner.Conflict // or nil
	checks   []plan.Expr
	affects  map[string]bool // the keys of the rows that the statement has put there
	inserted []int32
	owners   [][]byte // rows that were met and are not updated yet
	excluded []int32  // and what was to be inserted instead

	updated *vec.Batch // what became of those that WHERE has let through
	instead []int32    // and what was to be inserted
}

// all inserts the rows.
func (u *upsert) all() error {
	rows := u.rows
	keys := make([][]byte, rows.N)
	var names []string
	for i := range rows.N {
		keys[i] = u.keyOf(rows.Cols, i, nil)
		names = u.locksOf(names, keys[i], rows.Cols, i)
	}
	if err := u.lock(names); err != nil {
		return err
	}
	times, err := timesOf(u.rel, rows, u.tx.e.cfg.Now().UnixMilli())
	if err != nil {
		return err
	}
	for i := range rows.N {
		if err := u.insert(keys[i], i, times[i]); err != nil {
			// What is wrong with the rows that were met before it is told first.
			return cmp.Or(u.update(), err)
		}
	}
	return u.update()
}

// insert inserts row i, or meets the row it cannot be beside.
func (u *upsert) insert(key []byte, i int, timeMillis int64) error {
	owner, constraint, found := u.draft.conflict(key, u.rows.Cols, i, u.conflict)
	switch {
	case !found:
		value := liveValue(u.rows.Cols, i, timeMillis)
		u.set(key, value)
		u.moved(key, nil, value[1:])
		u.affects[string(key)] = true
		u.inserted = append(u.inserted, int32(i))
	case u.conflict == nil || !u.conflict.Covers(constraint):
		return u.duplicate(constraint, u.rows.Cols, i)
	case u.conflict.Set != nil:
		if u.affects[string(owner)] {
			return errAffectedTwice()
		}
		u.owners = append(u.owners, bytes.Clone(owner))
		u.excluded = append(u.excluded, int32(i))
		if u.moves() {
			return u.update()
		}
	}
	return nil
}

// moves reports whether ON CONFLICT changes columns that are unique.
func (u *upsert) moves() bool {
	keeps := func(columns []int) bool {
		return !slices.ContainsFunc(columns, func(pos int) bool {
			c, ok := u.conflict.Set[pos].(*plan.Col)
			return !ok || c.Index != pos
		})
	}
	return !keeps(u.rel.Key) ||
		slices.ContainsFunc(u.rel.Uniques, func(c catalog.Unique) bool { return !keeps(c.Columns) })
}

// affected returns the rows that are there now, in the order in which they were to be inserted.
func (u *upsert) affected() *vec.Batch {
	if len(u.inserted) == u.rows.N {
		return &vec.Batch{Cols: u.rows.Cols, N: u.rows.N}
	}
	all := u.rows.Gather(u.inserted)
	all.Time = nil
	if u.updated == nil {
		return all
	}
	all.AppendBatch(u.updated)
	from := append(slices.Clone(u.inserted), u.instead...)
	sel := make([]int32, len(from))
	for i := range sel {
		sel[i] = int32(i)
	}
	slices.SortFunc(sel, func(a, b int32) int { return int(from[a] - from[b]) })
	return all.Gather(sel)
}

func errAffectedTwice() error {
	return sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
		WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}

// let selects the rows that WHERE lets through, from those that are there with what was to be inserted beside them. No
// row may be met again once it was let through.
func (u *upsert) let(keys [][]byte, both *vec.Batch) (through []int32, err error) {
	if u.conflict.Where == nil {
		for i := range keys {
			through = append(through, int32(i))
		}
	} else {
		p, err := eval.Compile(u.conflict.Where)
		if err != nil {
			return nil, err
		}
		var errs map[int]error
		through, errs = p.Select(u.env, both, nil)
		if err := firstError(errs); err != nil {
			return nil, err
		}
	}
	changed, next := map[string]bool{}, through
	for i, key := range keys {
		if changed[string(key)] {
			return nil, errAffectedTwice()
		}
		if len(next) > 0 && next[0] == int32(i) {
			changed[string(key)], next = true, next[1:]
		}
	}
	return through, nil
}

// update changes the rows that were met.
func (u *upsert) update() error {
	if len(u.owners) == 0 {
		return nil
	}
	keys, excluded := u.owners, u.excluded
	u.owners, u.excluded = nil, nil
	both := vec.NewBatch(u.draft.rows.types)
	for _, key := range keys {
		val, ok := u.draft.rows.rows.Get(key)
		if !ok {
			panic("BUG: a row that was met is gone")
		}
		u.draft.rows.decode(val, both)
	}
	both.Cols = append(both.Cols, u.rows.Gather(excluded).Cols...)
	through, err := u.let(keys, both)
	if err != nil {
		return err
	}
	for n, i := range through {
		keys[n], excluded[n] = keys[i], excluded[i]
	}
	keys, excluded = keys[:len(through)], excluded[:len(through)]
	rows, err := EvalRows(u.conflict.Set, both.Gather(through), u.env)
	if err != nil {
		return err
	}
	if _, err := u.tx.e.CheckRows(u.rel, u.checks, rows, u.env); err != nil {
		return err
	}
	now, err := u.replace(keys, rows)
	if err != nil {
		return err
	}
	for _, key := range now {
		u.affects[string(key)] = true
	}
	u.instead = append(u.instead, excluded...)
	if u.updated == nil {
		u.updated = rows
	} else {
		u.updated.AppendBatch(rows)
	}
	return nil
}
