package engine

// position is a cursor in a checkpoint.
type position struct {
	Next   int64 `json:"next"`
	Time   int64 `json:"time"`
	Seen   int64 `json:"seen,omitempty"`
	More   bool  `json:"more,omitempty"`
	Judged int64 `json:"judged,omitempty"`
}

func positionsOf(cs []cursor) []position {
	ps := make([]position, len(cs))
	for i, c := range cs {
		ps[i] = position{Next: c.next, Time: c.streamTime, Seen: c.seen, More: c.more, Judged: c.judged}
	}
	return ps
}

func setPositions(cs []cursor, ps []position) {
	for i := range cs {
		if i < len(ps) {
			p := ps[i]
			cs[i].next, cs[i].streamTime, cs[i].seen, cs[i].more, cs[i].judged = p.Next, p.Time, p.Seen, p.More, p.Judged
		}
	}
}
