package engine

import (
	"slices"

	"github.com/tidwall/btree"

	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/vec"
)

// closingGroups lists the groups of a windowed aggregation by the end of their window, so that those of closed windows
// can be forgotten. It is made again from the groups after a restart.
type closingGroups struct {
	plan.Closing
	ends btree.Map[int64, []int32]
}

func newClosingGroups(c *plan.Closing) *closingGroups {
	if c == nil {
		return nil
	}
	return &closingGroups{Closing: *c}
}

// end returns the end of the window of a group.
func (c *closingGroups) end(t *groupTable, g int32) int64 { return t.keys[c.Key].(*intKeys).val[g] }

// add lists a group unless it is.
func (c *closingGroups) add(t *groupTable, g int32, m *groupMeta) {
	if c == nil || m.closing {
		return
	}
	m.closing = true
	end := c.end(t, g)
	list, _ := c.ends.Get(end)
	if len(list) > maxListed && len(list) > 4*t.used {
		list = c.trim(t, end, list)
	}
	c.ends.Set(end, append(list, g))
}

// maxListed is how long a list may be of which much is no longer true.
const maxListed = 4096

// trim takes out of a list what is there twice or is another group's by now: a group that is evicted and comes back is
// listed again.
func (c *closingGroups) trim(t *groupTable, end int64, list []int32) []int32 {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(g int32) bool { return c.end(t, g) != end })
}

// before takes out the groups whose windows the frontier has closed.
func (c *closingGroups) before(frontier int64, a *aggregateOp) (groups []int32) {
	if c != nil && frontier != NoFrontier {
		a.loadClosing(frontier - c.After)
	}
	for c != nil && frontier != NoFrontier {
		end, list, ok := c.ends.Min()
		if !ok || end > frontier-c.After {
			break
		}
		c.ends.Delete(end)
		for _, g := range list {
			// A number may have been given to another group since.
			if m := &a.meta[g]; m.closing && c.end(a.table, g) == end {
				m.closing = false
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// forget frees groups whose rows stay out.
func (a *aggregateOp) forget(groups []int32) {
	if len(groups) == 0 {
		return
	}
	for k, in := range a.aggs {
		if in.distinct {
			for _, g := range groups {
				a.forgetDistinct(byte(k+1), g)
			}
		}
	}
	a.retire(groups)
}

// forgetDistinct frees the arguments counted for a group.
func (a *aggregateOp) forgetDistinct(tag byte, g int32) {
	a.buf = append(a.buf[:0], tag)
	for k, s := range a.table.keys {
		a.keyTmp[k].Reset()
		s.appendTo([]int32{g}, a.keyTmp[k])
		a.buf = vec.AppendKey(a.buf, a.keyTmp[k], 0, false, false)
	}
	var keys [][]byte
	a.distinct.Prefix(a.buf, func(k, _ []byte) bool {
		keys = append(keys, k)
		return true
	})
	for _, k := range keys {
		a.distinct.Delete(k)
	}
}
