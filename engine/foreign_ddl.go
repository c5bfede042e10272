package engine

import (
	"maps"
	"slices"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// dropForeign takes the foreign keys away that refer to what is dropped. They stand in the way unless cascade is set.
func (e *Engine) dropForeign(doomed map[uint32]*catalog.Relation, cascade bool, change *cluster.Change,
	notice func(what string)) error {
	loose := map[uint32]bool{}
	for _, id := range slices.Sorted(maps.Keys(doomed)) {
		gone := doomed[id]
		for _, child := range e.Catalog().Referring(id) {
			if doomed[child.ID] != nil || loose[child.ID] {
				continue
			}
			if !cascade {
				i := slices.IndexFunc(child.Foreign, func(f catalog.Foreign) bool { return f.Table == id })
				return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it",
					described(gone)).
					WithDetail("constraint %s on %s depends on %s", child.Foreign[i].Name, described(child), described(gone)).
					WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
			}
			loose[child.ID] = true
			now, err := amended(change, child)
			if err != nil {
				return err
			}
			now.Foreign = slices.DeleteFunc(slices.Clone(now.Foreign), func(f catalog.Foreign) bool {
				if doomed[f.Table] != nil && notice != nil {
					notice("constraint " + f.Name + " on " + described(child))
				}
				return doomed[f.Table] != nil
			})
			if err := putAll(change, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// validate checks the rows of a relation that is altered against foreign keys. It runs in the flow's goroutine, where
// the rows of all tables are of one moment.
func (e *Engine) validate(p *planner.AlterPlan, rows *table) error {
	for _, name := range p.Validate {
		i := slices.IndexFunc(p.Rel.Foreign, func(f catalog.Foreign) bool { return f.Name == name })
		if i < 0 {
			continue
		}
		f := &p.Rel.Foreign[i]
		of, to := p.Rel, rows
		if f.Table != p.Rel.ID {
			s := e.flow.sources[f.Table]
			if s == nil || s.rows == nil {
				return sqlerr.New(sqlerr.UndefinedTable, "a relation that %q refers to was dropped meanwhile", p.Rel.Name)
			}
			of, to = s.rel, s.rows
		}
		k, err := newLink(p.Rel, of, f)
		if err != nil {
			return err
		}
		rows.rows.Scan(nil, nil, func(_, stored []byte) bool {
			parts, nulls := k.values.read(stored)
			switch r := (reference{link: k, parts: parts}); {
			case nulls == len(parts), nulls > 0 && !f.Full:
			case nulls > 0:
				err = k.mixed()
			case !r.in(to):
				err = k.missing(k.values.texts())
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
