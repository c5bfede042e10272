package engine_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/engine/session"
	"github.com/leatdb/leat/internal/golden"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/parse"
	"github.com/leatdb/leat/sql/sqlerr"
)

// TestDoubtedGoldens runs goldens of testdata/sql with servers that end between cases, some of them killed. Each next one
// is another build, which doubts all queries; what it answers is compared with what the same build does. Nobody waits
// for ever, and what cannot be made anew says so, and what to do.
func TestDoubtedGoldens(t *testing.T) {
	for _, name := range strings.Fields(`aggregate alter asof backfill clock first grouping index insert_query join ksql later
		merge onerror over pause replace replace_query retention session setop share_parts state subquery table transaction
		view window windowed_topic within`) {
		file := golden.Files(t, "sql/"+name+".txt")[0]
		t.Run(name, func(t *testing.T) { doubtGolden(t, golden.Cases(t, file)) })
	}
}

func doubtGolden(t *testing.T, cases []golden.Case) {
	sure := &doubting{t: t}
	want, _ := sure.run(cases)
	got, lost := (&doubting{t: t, doubts: true, sure: sure}).run(cases)
	for i, c := range cases {
		other := lost[i] || again.MatchString(c.Input)
		switch {
		case got[i] == want[i]:
		case strings.Contains(got[i], "ERROR 57014") && !again.MatchString(c.Input):
			t.Errorf("%s:%d: it waits for ever\n%s\n%s", c.File, c.Line, c.Input, got[i])
		case !other || strings.Contains(got[i], "ERROR 55000") && !strings.Contains(got[i], "HINT: "):
			t.Errorf("%s:%d:\n%s\n---- with doubts\n%s---- without\n%s", c.File, c.Line, c.Input, got[i], want[i])
		}
	}
}

// again is in inputs that show what comes once more when a query is made anew: what it cannot compute, its records, and
// what it was in the past.
var again = regexp.MustCompile(`leat_catalog\.errors|quotients|PRINT|SINCE|AS OF`)

// doubting runs cases with restarts.
type doubting struct {
	t      *testing.T
	doubts bool
	sure   *doubting  // the run without doubts
	ids    [][]string // of the queries after each case
	at     time.Time
	builds int
	undo   func()
}

// run returns what the cases give, and after which of them some query could not be made anew.
func (d *doubting) run(cases []golden.Case) (got []string, lost []bool) {
	dir := d.t.TempDir()
	d.undo = func() {}
	s := d.open(dir)
	defer func() { s.close(); d.undo() }()
	seed := fnv.New64()
	io.WriteString(seed, cases[0].File)
	rng := rand.New(rand.NewPCG(seed.Sum64(), seedOf()))
	settle := false
	for _, c := range cases {
		input := strings.TrimSpace(c.Input)
		at, isClock := strings.CutPrefix(input, "clock ")
		user, isConnect := strings.CutPrefix(input, "connect ")
		out := ""
		restart, kill := rng.IntN(4) == 0, rng.IntN(2) == 0
		if settle = settle || transient.MatchString(input); settle {
			s.remade()
			settle = false
		}
		switch {
		case input == "restart":
			restart = true
		case isClock:
			d.at, _ = time.Parse(time.RFC3339, at)
		case isConnect:
			next, err := session.New(session.Config{Engine: s.eng, Now: d.now, User: user, Database: "leat", Version: "test",
				Notice: func(*sqlerr.Error) {}})
			if err == nil {
				s.ses = next
			}
		default:
			out = s.answer(d.named(c.Input))
		}
		d.ids = append(d.ids, s.queryIDs())
		got = append(got, numbers.ReplaceAllString(out, "#"))
		lost = append(lost, d.doubts && len(s.eng.Unmade()) > 0)
		if restart {
			if kill {
				s.eng.Kill()
			}
			s.close()
			s = d.open(dir)
			settle = settle || rng.IntN(2) == 0
		}
	}
	return got, lost
}

// seedOf is the SEED of the environment, by which servers end elsewhere.
func seedOf() (n uint64) {
	n, _ = strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	return n
}

// numbers are those of relations: queries that are made anew take more of them.
var numbers = regexp.MustCompile(`(\b|_)1[67][0-9]{3}\b`)

// transient is in statements that show, or do not go well with, what is only there while queries are made anew.
var transient = regexp.MustCompile(`(?i)leat_catalog|SHOW|DESCRIBE|EXPLAIN|ALTER|REPLACE|TERMINATE|PRINT|SINCE|AS OF`)

// remade waits until no query is made anew any more.
func (s *served) remade() {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); s.eng.MakesAnew(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("they are not made anew: ", s.ask("SELECT relation || ' ' || state || ' ' || detail FROM leat_catalog.queries"))
		}
	}
}

// named is an input with the IDs that queries have in this run.
func (d *doubting) named(input string) string {
	n := len(d.ids)
	if d.sure == nil || n == 0 || len(d.ids[n-1]) != len(d.sure.ids[n-1]) {
		return input
	}
	for i, id := range d.sure.ids[n-1] {
		if id == d.ids[n-1][i] {
			continue
		}
		input = regexp.MustCompile("(?i)\\b"+id+"\\b").ReplaceAllLiteralString(input, d.ids[n-1][i])
	}
	return input
}

// queryIDs are those of all queries, in the order in which they were made.
func (s *served) queryIDs() (ids []string) {
	rels := s.eng.Catalog().Relations()
	slices.SortFunc(rels, func(a, b *catalog.Relation) int { return int(a.ID) - int(b.ID) })
	for _, r := range rels {
		if r.QueryID != "" {
			ids = append(ids, r.QueryID)
		}
	}
	return ids
}

func (d *doubting) open(dir string) *served {
	if d.builds++; d.doubts {
		d.undo()
		d.undo = engine.Rebuild(d.builds)
	}
	return serve(d.t, dir, func(c *engine.Config) { c.Now = d.now })
}

func (d *doubting) now() time.Time {
	if d.at.IsZero() {
		return time.Now()
	}
	return d.at
}

// answer is the rows and errors of statements.
func (s *served) answer(input string) string {
	text, data, _ := strings.Cut(input, "\n<<<\n")
	stmts, err := s.ses.Parse(text)
	var out strings.Builder
	for _, st := range stmts {
		for range 1000 { // what a statement changes may just have been made anew
			err = s.answerOne(&out, st, data+"\n")
			err = errors.Join(err, s.ses.Sync(context.Background(), err != nil))
			if err == nil || sqlerr.From(err).Code != sqlerr.ObjectInUse {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if err != nil {
		e := sqlerr.From(err)
		fmt.Fprintf(&out, "ERROR %s: %s\n", e.Code, e.Message)
		if e.Hint != "" {
			fmt.Fprintf(&out, "HINT: %s\n", e.Hint)
		}
	}
	return out.String()
}

func (s *served) answerOne(out *strings.Builder, st parse.Statement, data string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p, err := s.ses.Prepare(ctx, st, nil)
	if err != nil {
		return err
	}
	r, err := p.Execute(ctx, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if in, ok := r.(interface {
		Write(context.Context, []byte) error
		Finish(context.Context, error) error
	}); ok {
		return in.Finish(ctx, in.Write(ctx, []byte(data)))
	}
	for env := s.ses.OutputEnv(); ; {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.N {
			for _, c := range b.Cols {
				out.WriteByte('|')
				if !c.IsNull(i) {
					out.Write(c.AppendText(nil, i, env))
				}
			}
			out.WriteByte('\n')
		}
	}
}
