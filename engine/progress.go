package engine

import (
	"context"
	"time"

	"github.com/leatdb/leat/sql/catalog"
)

// headway is how far a query has come with what was there before it.
type headway struct {
	state       string // RUNNING, CATCHING UP, PAUSED, TERMINATED, ERROR
	detail      string // why, or what comes next
	done, total int64  // rows of tables and records of streams
	perSecond   float64
}

// catching reports whether a view still reads what was there before it.
func (v *view) catching() bool { return v.fresh || v.chases() || len(v.readers()) > 0 }

// add adds what a view has come to.
func (p *headway) add(f *flow, v *view) {
	for _, in := range v.inputs {
		if in.src.rows != nil {
			n := int64(in.src.rows.rows.Len())
			p.total += n
			if in.chase != nil {
				n = min(n, in.chase.taken)
			}
			p.done += n
			continue
		}
		for _, at := range in.positions() {
			start, end, err := f.node.Bounds(at.id)
			if err != nil {
				continue // deleted meanwhile
			}
			if in.reader == nil {
				end = at.next
			}
			p.total += max(end-start, 0)
			p.done += min(max(at.next-start, 0), max(end-start, 0))
		}
	}
	if spent := time.Since(v.began).Seconds(); v.catching() && spent > 0 {
		p.perSecond = float64(v.taken) / spent
	}
}

// percent is how much of it is done.
func (p *headway) percent() float64 {
	if p.total == 0 {
		return 100
	}
	return float64(p.done*1000/p.total) / 10
}

// progressOf tells how the queries of relations are doing, and of those that are to take the place of others, by the
// numbers of their states.
func (e *Engine) progressOf(ctx context.Context, rels []*catalog.Relation) (map[uint32]headway, error) {
	out := map[uint32]headway{}
	failure := e.flow.failure()
	failed := e.flow.allGivenUp()
	for _, r := range rels {
		p := headway{state: e.QueryState(r), detail: failedOf(failed, r)}
		if failure != nil {
			p.detail = failure.Error()
		}
		if r.Next != nil {
			if p.detail == "" {
				p.detail = "is being replaced by " + r.Next.QueryID
			}
			next := headway{state: "CATCHING UP", detail: "to take the place of " + r.QueryID}
			if why := failed[r.Next.ID]; why != "" {
				next.state, next.detail = "ERROR", why
			}
			out[r.Next.ID] = next
		}
		out[r.StateID()] = p
	}
	if failure != nil {
		return out, nil
	}
	err := e.flow.do(ctx, func() error {
		for _, v := range e.flow.views {
			p, ok := out[v.id]
			if !ok {
				continue
			}
			if p.add(e.flow, v); p.state == "RUNNING" && v.catching() {
				p.state = "CATCHING UP"
			}
			out[v.id] = p
		}
		for _, r := range rels {
			if r.Next == nil {
				continue
			}
			if d, p := e.flow.viewOf(differenceID(r)), out[r.Next.ID]; d != nil {
				p.add(e.flow, d) // which comes last
				out[r.Next.ID] = p
			}
		}
		return nil
	})
	return out, err
}
