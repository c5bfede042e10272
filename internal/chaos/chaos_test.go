//go:build clients && linux

package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/leatdb/leat/internal/crash"
)

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the faults; 0 takes one from the clock")
	lasts    = flag.Duration("lasts", 25*time.Second, "how long faults are brought")
	keepDir  = flag.String("keep", "", "directory for the nodes' data and logs, which stay there")
	onlyRun  = flag.String("faults", "", "the faults that are brought, by commas; all when it is empty")
)

// longGap is how long a time without acknowledged writes is told of.
const longGap = 4 * time.Second

// opTimeout is how long a client waits for an answer.
const opTimeout = 10 * time.Second

// A run is clients of a fleet that is ill-treated.
type run struct {
	*fleet
	t     testing.TB // is told what clients find; the fleet's, what becomes of nodes
	seed  uint64
	began time.Time
	ctx   context.Context // of the clients' work
	work  sync.WaitGroup
	life  context.Context // of what goes on after that, until it has an answer
	rest  sync.WaitGroup

	acked    atomic.Int64 // the last acknowledged write, in nanoseconds since began
	longest  atomic.Int64 // the longest time between two of them
	mu       sync.Mutex   // guards what follows
	outcomes map[string]int
}

// now is the clock of all histories.
func (r *run) now() int64 { return int64(time.Since(r.began)) }

// rand is the chance of one client.
func (r *run) rand(client int) *rand.Rand { return rand.New(rand.NewPCG(r.seed, uint64(1000+client))) }

// say logs what happens, with the time.
func (r *run) say(format string, args ...any) {
	r.t.Logf("%6.2fs %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// count counts what clients were told, for the end.
func (r *run) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[what]++
}

// wrote notes an acknowledged write, to know for how long there were none.
func (r *run) wrote() {
	now := r.now()
	before := r.acked.Swap(now)
	if before == 0 {
		return // the nodes have just started
	}
	gap := now - before
	if gap > int64(longGap) {
		r.say("for %v no write was acknowledged", time.Duration(gap).Round(time.Millisecond))
	}
	if gap > r.longest.Load() {
		r.longest.Store(gap)
	}
}

// connect connects to any node.
func (r *run) connect(ctx context.Context, c *rand.Rand) (*pgx.Conn, error) {
	all := r.list()
	n := all[c.IntN(len(all))]
	conf, err := pgx.ParseConfig("postgres://leat:" + password + "@" + n.addr(pgPort) + "/leat?sslmode=disable")
	if err != nil {
		return nil, err
	}
	conf.DialFunc = r.net.Host(clientHost).DialContext
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	return pgx.ConnectConfig(ctx, conf)
}

// refusals are the SQLSTATEs that say that nothing has happened.
var refusals = []string{"40001", "40P01", "55P03", "53100", "57P03", "25006"}

// outcome says what an error of a write means. Some errors nobody should get, whatever happens to nodes.
func (r *run) outcome(what string, err error) Outcome {
	var e *pgconn.PgError
	switch {
	case err == nil:
		r.wrote()
		r.count(what + ": acknowledged")
		return Done
	case errors.As(err, &e) && slices.Contains(refusals, e.Code):
		r.count(what + ": " + e.Code)
		return Refused
	case errors.As(err, &e):
		r.count(what + ": " + e.Code)
		if e.Code != "40003" && e.Code != "58030" && e.Code != "XX001" && e.Code[:2] != "57" && e.Code[:2] != "08" {
			r.t.Errorf("%s: %s: %s", what, e.Code, e.Message)
		}
	default:
		r.count(what + ": no answer")
	}
	return Unknown
}

// A session is a client's connection, which is made anew when it breaks.
type session struct {
	*run
	rand *rand.Rand
	conn *pgx.Conn
}

func (r *run) session(client int) *session { return &session{run: r, rand: r.rand(client)} }

// clients begins the work of several clients, each with a session of its own, which do something time after time.
func (r *run) clients(first, count int, do func(c *session)) {
	for i := range count {
		r.work.Go(func() {
			c := r.session(first + i)
			defer c.drop()
			for c.open(r.ctx) {
				do(c)
			}
		})
	}
}

// open connects when there is no connection. It reports false when the work is over.
func (s *session) open(ctx context.Context) bool {
	for s.conn == nil || s.conn.IsClosed() {
		if ctx.Err() != nil {
			return false
		}
		c, err := s.connect(ctx, s.rand)
		if err == nil {
			s.conn = c
			break
		}
		s.pause(ctx, 100*time.Millisecond)
	}
	return ctx.Err() == nil
}

// drop ends the connection: what it was asked may go on.
func (s *session) drop() {
	if s.conn != nil {
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.conn.Close(short)
		s.conn = nil
	}
}

// exec runs statements in one message.
func (s *session) exec(ctx context.Context, sql string) error {
	short, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	_, err := s.conn.Exec(short, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// rows asks a query and returns its rows as text, columns by "|".
func (s *session) rows(ctx context.Context, sql string) (rows []string, err error) {
	short, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	results, err := s.conn.PgConn().Exec(short, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range results[len(results)-1].Rows {
		cols := make([]string, len(row))
		for i, v := range row {
			cols[i] = string(v)
		}
		rows = append(rows, strings.Join(cols, "|"))
	}
	return rows, results[len(results)-1].Err
}

// must asks until there is an answer, for what has to be there before or after the faults.
func (s *session) must(sql string) []string {
	s.t.Helper()
	var err error
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); s.pause(s.life, 100*time.Millisecond) {
		if !s.open(s.life) {
			break
		}
		var rows []string
		if rows, err = s.rows(s.life, sql); err == nil {
			return rows
		}
		if e := (*pgconn.PgError)(nil); errors.As(err, &e) && (e.Code[:2] == "42" || e.Code[:2] == "XX") {
			break
		}
		s.drop()
	}
	s.t.Fatalf("%s\n%v", sql, err)
	return nil
}

func (s *session) pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// think is the time between what one client does.
func (s *session) think() { s.pause(s.ctx, time.Duration(5+s.rand.IntN(20))*time.Millisecond) }

// A workload is clients of one kind. Start begins their work, which ends with run.ctx; check comes when all nodes are
// well again.
type workload interface {
	start(r *run)
	check(r *run)
}

// TestChaos ill-treats three nodes in every way, and checks what clients saw.
func TestChaos(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d: -seed %[1]d repeats the order of the faults", seed)
	chaos(t, seed, build(t, "chaos"), chosen(t, *onlyRun), *lasts)
}

// otherBuild is a server whose planner makes other graphs of the same queries.
func otherBuild(t testing.TB) string {
	if os.Getenv("LEAT_CHAOS") == "" {
		return "" // it takes a while
	}
	return build(t, "other", crash.Edit{File: "planner/rules.go", Old: "	if b.disabled == nil {\n",
		New: "	if name == rulePrune || name == ruleIndex {\n		return true\n	}\n	if b.disabled == nil {\n"})
}

// chaos runs a binary for a while.
func chaos(t testing.TB, seed uint64, bin string, some []fault, lasts time.Duration) {
	dir := *keepDir
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprint("leat-chaos-", seed))
		if err := errors.Join(Detach(dir), os.RemoveAll(dir)); err != nil { // of a run that failed, or was killed
			t.Fatal(err)
		}
	}
	r := &run{t: t, seed: seed, began: time.Now(), outcomes: map[string]int{}}
	c, catching := t.(*catcher)
	if catching { // nodes that do not start prove nothing
		t = c.TB
	}
	other := ""
	if !catching {
		other = otherBuild(t)
	}
	t.Cleanup(func() { // after the fleet's, which unmounts
		if t.Failed() {
			t.Logf("data and logs are in %s", dir)
		} else if *keepDir == "" {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		}
	})
	r.fleet = newFleet(t, bin, dir, seed, "--checkpoint-interval", "1s", "--log-level", "info")
	r.fleet.other = other
	life, die := context.WithCancel(context.Background())
	defer func() { // whoever is left would find the nodes of the next run
		die()
		r.rest.Wait()
	}()
	ctx, stop := context.WithCancel(life)
	r.ctx, r.life = ctx, life
	all := workloads()
	for _, w := range all {
		w.start(r)
	}
	harm, end := context.WithTimeout(ctx, lasts)
	if catching {
		c.caught(end)
		if c.nodes {
			r.fleet.t = c
		}
	}
	n := &nemesis{fleet: r.fleet, faults: some, rand: rand.New(rand.NewPCG(seed, 2)), say: r.say, ctx: harm}
	done := n.run()
	end()
	r.say("after %d faults", len(done))
	if catching && len(c.findings()) > 0 { // all may never be well again
		stop()
		die()
		r.work.Wait()
		return
	}
	r.whole(3*time.Minute, false)
	stop()
	r.work.Wait()
	r.whole(3*time.Minute, true)
	r.say("all clients have ended")
	r.balanced()
	if catching && len(c.findings()) > 0 {
		return
	}
	for _, w := range all {
		w.check(r)
	}
	r.replicas()
	r.deterministic()
	r.say("for at most %v no write was acknowledged", time.Duration(r.longest.Load()).Round(time.Millisecond))
	for _, what := range sorted(r.outcomes) {
		r.t.Logf("%7d %s", r.outcomes[what], what)
	}
}

// chosen are the faults that were asked for.
func chosen(t testing.TB, names string) (some []fault) {
	if names == "" {
		return faults
	}
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			t.Fatalf("no fault is called %q", name)
		}
		some = append(some, faults[i])
	}
	return some
}

func sorted(m map[string]int) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func workloads() []workload {
	wide := &topics{topicSet: &spreadSet}
	return []workload{&logs{}, &lists{}, &bank{}, &stale{}, &topics{topicSet: &homeSet},
		&logs{spread: true}, wide, &ledger{of: wide}, newPipe(), &vouchers{}}
}
