package serial

import "slices"

// An edgeKind says why one transaction comes before another.
type edgeKind int

const (
	ww edgeKind = iota
	wr
	rw
	rt
)

func (k edgeKind) String() string { return [...]string{"ww", "wr", "rw", "rt"}[k] }

type edge struct {
	to  int
	why edgeKind
}

// A graph says what comes before what.
type graph struct{ next [][]edge }

func newGraph(n int) graph { return graph{next: make([][]edge, n)} }

func (g *graph) node() int {
	g.next = append(g.next, nil)
	return len(g.next) - 1
}

func (g *graph) add(from, to int, why edgeKind) {
	if from != to {
		g.next[from] = append(g.next[from], edge{to, why})
	}
}

// components returns the sets of more than one node each of which is before every other one (Tarjan 1972).
func (g *graph) components() (all [][]int) {
	const unseen = 0
	number, low := make([]int, len(g.next)), make([]int, len(g.next))
	on := make([]bool, len(g.next))
	var stack []int
	count := 0
	type frame struct{ node, edge int }
	for root := range g.next {
		if number[root] != unseen {
			continue
		}
		path := []frame{{root, 0}}
		for len(path) > 0 {
			f := &path[len(path)-1]
			if number[f.node] == unseen {
				count++
				number[f.node], low[f.node], on[f.node] = count, count, true
				stack = append(stack, f.node)
			}
			if f.edge < len(g.next[f.node]) {
				to := g.next[f.node][f.edge].to
				f.edge++
				switch {
				case number[to] == unseen:
					path = append(path, frame{to, 0})
				case on[to]:
					low[f.node] = min(low[f.node], number[to])
				}
				continue
			}
			node := f.node
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1].node
				low[up] = min(low[up], low[node])
			}
			if low[node] == number[node] {
				at := slices.Index(stack, node)
				part := slices.Clone(stack[at:])
				stack = stack[:at]
				for _, i := range part {
					on[i] = false
				}
				if len(part) > 1 {
					all = append(all, part)
				}
			}
		}
	}
	return all
}

// shortest returns a shortest way from a node of a component back to it: the nodes, and why each comes before the next.
func (g *graph) shortest(part []int) (cycle []int, kinds []edgeKind) {
	for _, start := range part[:min(len(part), 50)] {
		nodes, why := g.back(start)
		if nodes != nil && (cycle == nil || len(nodes) < len(cycle)) {
			cycle, kinds = nodes, why
		}
	}
	return cycle, kinds
}

// back finds the shortest way from a node to itself.
func (g *graph) back(start int) (nodes []int, kinds []edgeKind) {
	type step struct {
		from int
		why  edgeKind
	}
	came := map[int]step{}
	queue := []int{start}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, e := range g.next[i] {
			if _, seen := came[e.to]; seen {
				continue
			}
			came[e.to] = step{i, e.why}
			if e.to != start {
				queue = append(queue, e.to)
				continue
			}
			for at := start; ; {
				s := came[at]
				nodes, kinds = append(nodes, s.from), append(kinds, s.why)
				if at = s.from; at == start {
					slices.Reverse(nodes)
					slices.Reverse(kinds)
					return nodes, kinds
				}
			}
		}
	}
	return nil, nil
}
