package engine

import (
	"math"
	"strconv"
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
)

// Place is how far the client of a push query is. Another push query of the same text and settings that begins there
// gives it the rows that follow.
type Place struct {
	After Token
	// Skip and Left are the rows that OFFSET still passes over, and those that LIMIT still lets through.
	Skip, Left int64
}

// String gives the place as text.
func (p Place) String() string {
	return p.After.String() + " " + strconv.FormatInt(p.Skip, 10) + " " + strconv.FormatInt(p.Left, 10)
}

// ParsePlace reads a place.
func ParsePlace(text string) (p Place, err error) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return p, sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a place", text)
	}
	if p.After, err = ParseToken(f[0]); err != nil {
		return p, err
	}
	for i, n := range []*int64{&p.Skip, &p.Left} {
		if *n, err = strconv.ParseInt(f[i+1], 10, 64); err != nil {
			return p, sqlerr.New(sqlerr.InvalidParameterValue, "%q is not a place", text)
		}
	}
	return p, nil
}

// newestBatch is the batch that the client was given last.
type newestBatch struct {
	before int64 // rows of the step that came before its first row
	n      int
	counts bool // LIMIT counts its rows
}

// place is where the client is that has taken the first n rows of the newest batch, all when n is negative. It is not
// ok where rows of a change could not be told apart later, and for a query that has no tokens.
func (p *push) place(n int) (at Place, ok bool) {
	if p.clocked() {
		return at, false
	}
	b := p.newest
	if p.torn != nil {
		return p.torn.at, p.torn.ok && (n < 0 || n == b.n)
	}
	if n < 0 {
		n = b.n
	}
	if at.Skip, at.Left = p.skip, p.left; b.counts && p.left != math.MaxInt64 {
		at.Left += int64(b.n - n)
	}
	switch {
	case p.resumedAt != nil:
		at.After = *p.resumedAt
	case !p.begun && !p.mute:
		at.After = p.firstToken()
	case n == b.n && len(p.out) == 0:
		at.After = p.tokenAt(-1)
	case !p.step.exact:
		return at, false
	default:
		at.After = p.tokenAt(b.before + int64(n))
	}
	return at, true
}

// firstToken is that of a client that has nothing yet of what is there when the query begins.
func (p *push) firstToken() Token {
	t := p.tokenAt(-1)
	t.first = true
	return t
}

// mark is a place, where it is one.
type mark struct {
	at Place
	ok bool
}

// mark is where a client is that has taken all it was given.
func (p *push) mark() (m mark) {
	m.at, m.ok = p.place(-1)
	return m
}
