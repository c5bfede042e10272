package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/planner/plan"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// A checkpoint has the state of operators by their numbers, and a replay expects that computing a step again comes to
// the same. Both need a binary that makes the same of a query as the one before. So a checkpoint says of what graph
// each query's state is (fingerprint), and a step's record what each query put out (output): a query is doubted whose
// graph is another now, or whose output is another when a step is computed again. Its state is not used. In the
// replay its rows, and the changes for those that read it, are taken from the log, where what it put out is; then it
// is given up, which the next step tells the other nodes, and made anew beside its rows where that can be. The others
// go on as if nothing were.

// output is what a query put into a partition in a step. The sum is over the batches' own.
type output struct {
	View    uint32              `json:"v"`
	Part    cluster.PartitionID `json:"p"`
	Records int64               `json:"n"`
	Sum     uint32              `json:"s"`
}

// put adds a batch of a query to the step's output. The query owns it.
func (f *flow) put(id uint32, p cluster.PartitionID, batch []byte) {
	f.out = append(f.out, cluster.Append{Partition: p, Batches: batch})
	h, err := log.ParseHeader(batch)
	if err != nil {
		panic("BUG: a batch of a step cannot be read: " + err.Error())
	}
	sum := binary.LittleEndian.AppendUint32(nil, h.CRC)
	for i := len(f.outs) - 1; i >= 0 && f.outs[i].View == id; i-- { // those of a query follow each other
		if o := &f.outs[i]; o.Part == p {
			o.Records, o.Sum = o.Records+int64(h.Records), crc32.Update(o.Sum, castagnoli, sum)
			return
		}
	}
	f.outs = append(f.outs, output{id, p, int64(h.Records), crc32.Update(0, castagnoli, sum)})
}

// stateForm is raised when operators write their state in another form. Tests say it by relation.
var stateForm = func(string) int { return 1 }

// fingerprint says of what graph the state of a view is.
func (v *view) fingerprint() string {
	form := stateForm(v.rel.Name)
	switch {
	case v.differs():
		return fmt.Sprintf("difference %d", form)
	case v.graph.stateless() && (v.rel.Kind == catalog.Stream || v.rel.Kind == catalog.Insert):
		return "stateless"
	}
	root := v.query.Root
	if now, ok := v.flow.engine.Catalog().ByID(v.rel.ID); v.altered && ok && now.StateID() == v.id {
		if q, err := v.flow.engine.planView(now); err == nil {
			root = q.Root // as it will be planned from now on
		}
	}
	sum := crc32.New(castagnoli)
	for _, n := range v.graph.nodes {
		fmt.Fprintf(sum, "%d %T\n", n.id, n.op)
	}
	for _, t := range v.sink.types {
		fmt.Fprintln(sum, t)
	}
	return fmt.Sprintf("%s-%08x-%d", plan.Digest(root), sum.Sum32(), form)
}

// build tells one binary from another: only what another has written is looked at. It is "" when that is not known.
var build = sync.OnceValue(func() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, f)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d-%08x", n, sum.Sum32())
})

// graphs are the fingerprints of all views, once older binaries are gone, whose records could not be checked.
func (f *flow) graphs() map[uint32]string {
	if f.node.Level() < cluster.LevelSums {
		return nil
	}
	all := map[uint32]string{}
	for _, v := range f.views {
		all[v.id] = v.fingerprint()
	}
	return all
}

// errDoubt says that the flow must be restored anew, with queries in doubt that it has not been.
var errDoubt = errors.New("engine: the output of a query is another now")

const (
	whyGraph  = "another version of the server has kept its state"
	whyOutput = "computing a step again has not given what it gave before"
	whyPart   = "what it shares with others is not what another version of the server has kept"
)

// doubt notes why the state of a query cannot be used.
func (f *flow) doubt(id uint32, why string) {
	if f.doubts[id] == "" {
		f.doubts[id] = why
		f.log.Error("the state of a continuous query cannot be used", "relation", f.nameOf(id), "why", why)
	}
}

// isDoubted reports whether the state of a view cannot be used: because of its graph, or of the part that it reads.
func (f *flow) isDoubted(v *view, meta checkpointMeta) bool {
	if was := meta.Graphs[v.id]; was != "" && (meta.Build == "" || meta.Build != build()) && was != v.fingerprint() {
		f.doubt(v.id, whyGraph)
	}
	for _, in := range v.inputs { // parts come before those that read them
		if id := in.src.rel.ID; in.src.rel.Part == id && f.doubts[id] != "" {
			f.doubt(v.id, whyPart)
		}
	}
	return f.doubts[v.id] != ""
}

// distrust leaves a query of a checkpoint out. What it has written is followed until the replay ends.
func (f *flow) distrust(v *view) error {
	v.retire()
	for _, s := range f.sources { // what is made to take the place of another, and what compares them
		n := s.rel.Next
		if n == nil || n.ID != v.id && differenceID(s.rel) != v.id {
			continue
		}
		for _, id := range []uint32{n.ID, differenceID(s.rel)} {
			if err := f.detach(id); err != nil {
				return err
			}
		}
		f.unswappable[s.rel.ID] = true
		f.giveUpAlone(givenUp{View: n.ID, Why: f.doubts[v.id]})
		return nil
	}
	if v.rel.Kind == catalog.Insert || v.rel.Part == v.id { // who reads a part is in doubt as well
		f.logged = append(f.logged, &loggedQuery{view: v})
		return nil
	}
	return f.followLog(v, f.addSource(v.rel))
}

// retire ends a view whose state cannot be used.
func (v *view) retire() {
	v.graph.leave()
	v.inputs, v.ended = nil, true
}

// followLog takes what a query has put out from the log.
func (f *flow) followLog(v *view, s *source) error {
	s.view, v.sink.src = v, s
	r, err := f.engine.newRowsReader(v.rel)
	if err != nil {
		return err
	}
	f.logged = append(f.logged, &loggedQuery{view: v, src: s, r: r})
	return nil
}

// A loggedQuery is one whose output is taken from the log, unless others have that anyway: then src and r are nil.
type loggedQuery struct {
	view *view
	src  *source
	r    *reader
}

// takeLogged takes what the step put out for the queries in doubt, and hands it to those that read them.
func (f *flow) takeLogged() error {
	for _, w := range f.logged {
		if w.src == nil {
			continue
		}
		for _, o := range f.recorded {
			part := slices.IndexFunc(w.src.parts, func(c cursor) bool { return c.id == o.Part })
			if o.View != w.view.id || part < 0 {
				continue
			}
			at := &w.src.parts[part]
			w.r.parts[part].next = at.next
			to := at.next + o.Records
			for {
				c, err := f.engine.readPast(context.Background(), w.r, part, to)
				if err != nil {
					return err
				}
				if c == nil {
					break
				}
				w.take(c, at, f.now)
			}
			at.next = to
		}
	}
	return nil
}

// take hands on the records of a chunk.
func (w *loggedQuery) take(c *chunk, at *cursor, now int64) {
	if t := w.src.rows; t != nil {
		changes := w.src.newChanges()
		if t.counted() {
			t.computeIndexes(c.cols, c.n)
		}
		t.apply(c, changes)
		w.src.publish(changes)
		return
	}
	at.streamTime = c.stampStreamTime(at.streamTime)
	at.seen = floorDiv(now, 1000)
	for _, in := range w.src.inputs {
		in.pending = append(in.pending, c.batch(in.scan))
	}
}

// lacks reports whether a step has put out something for queries in doubt, which the log has not if it is half written.
func (f *flow) lacks(r *stepRecord) bool {
	return slices.ContainsFunc(r.Outs, func(o output) bool { return f.doubts[o.View] != "" })
}

// isLogged reports whether the output of a relation's query is taken from the log.
func (f *flow) isLogged(s *source) bool {
	return slices.ContainsFunc(f.logged, func(w *loggedQuery) bool { return w.src == s })
}

// checkOutput compares what a step put out, computed again, with what its record says. Of queries that differ those
// are doubted that read nothing of others that do.
func (f *flow) checkOutput(r *stepRecord, before map[uint32]string) error {
	if !r.Summed {
		return nil
	}
	type place struct {
		view uint32
		part cluster.PartitionID
	}
	was, is := map[place]output{}, map[place]output{}
	for _, o := range r.Outs {
		was[place{o.View, o.Part}] = o
	}
	for _, o := range f.outs {
		is[place{o.View, o.Part}] = o
	}
	differ := map[uint32]bool{}
	given := f.allGivenUp()
	note := func(at place) {
		_, failed := given[at.view]
		_, had := before[at.view]
		gone := f.viewOf(at.view) == nil && (!failed || had) // dropped since, or given up before
		if was[at] != is[at] && !gone && f.doubts[at.view] == "" {
			differ[at.view] = true
		}
	}
	for at := range was {
		note(at)
	}
	for at := range is {
		note(at)
	}
	if len(differ) == 0 {
		return nil
	}
	for _, v := range f.views { // what writes comes before what reads
		if differ[v.id] && slices.ContainsFunc(v.inputs, func(in *input) bool {
			return in.src.view != nil && differ[in.src.view.id]
		}) {
			continue
		}
		if differ[v.id] {
			f.doubt(v.id, whyOutput)
			f.differs[v.id] = whyOutput
		}
	}
	for id := range differ {
		if why := given[id]; why != "" {
			f.doubt(id, why)
			f.differs[id] = why
		}
	}
	return errDoubt
}

// loggedWhy are the queries that are in doubt, and were not given up yet, and why.
func (f *flow) loggedWhy() map[uint32]string {
	all := map[uint32]string{}
	for _, w := range f.logged {
		all[w.view.id] = f.doubts[w.view.id]
	}
	return all
}

// endDoubts gives up, when the replay is done, the queries that are in doubt. Those that who led before could not make
// anew are made anew again.
func (f *flow) endDoubts() {
	f.logged = nil
	for id, why := range f.allUnmade() {
		if rel, _ := f.definition(id); rel != nil && !rel.Terminated && rel.StateID() == id {
			f.giveUpDoubted(rel, id, why)
		}
	}
	for id, why := range f.doubts {
		rel, differs := f.definition(id)
		if rel == nil || rel.Terminated || f.viewOf(id) != nil || differs || f.isNext(id) ||
			rel.StateID() != id && rel.Part != id {
			continue // dropped since, or replaced; or it was to replace another, and has been given up
		}
		if f.whyGivenUp(id) != "" {
			continue // by who led before
		}
		f.giveUpDoubted(rel, id, why)
	}
}

// giveUpDoubted gives up a query whose state cannot be used; its rows are made anew where that can be.
func (f *flow) giveUpDoubted(rel *catalog.Relation, id uint32, why string) {
	gone := f.unmakable(rel)
	if gone != "" && rel.Part != id {
		why += "; " + gone
	}
	f.giveUpAlone(givenUp{View: id, Why: why, Anew: gone == "" || rel.Part == id})
}

// unmakable says why what a relation holds cannot be made anew without asking: it would be something else, or come
// twice. It is "" when it can.
func (f *flow) unmakable(rel *catalog.Relation) string {
	if rel.Kind != catalog.View && rel.Kind != catalog.Table {
		return "what it writes cannot be taken back"
	}
	if rel.Paused { // who asks for it would wait for ever
		return "it is paused, and begins anew when it goes on"
	}
	if rel.Settings[settingReset] == "latest" {
		return "it began at the end of its streams, and would again"
	}
	if q, err := f.engine.planView(rel); err == nil && rel.KeepMs > 0 && groups(q.Root) {
		return "its rows go as they age, and groups would begin anew that have not gone"
	}
	for _, id := range rel.Reads {
		s := f.sources[id]
		if s == nil || s.rows != nil {
			continue
		}
		for _, p := range s.parts {
			start, _, err := f.node.Bounds(p.id)
			cleaned, cerr := f.node.Compacted(p.id)
			if start > 0 || cleaned > 0 || errors.Join(err, cerr) != nil {
				return fmt.Sprintf("stream %q does not have all of its records any more", s.rel.Name)
			}
		}
	}
	return ""
}

func (f *flow) isAnew(id uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.anew[id]
}

// makesAnew reports whether there are any.
func (f *flow) makesAnew() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.anew) > 0
}

// allAnew lists them.
func (f *flow) allAnew() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.anew))
}

// allUnmade are the queries that could not be made anew, and why they were given up before that.
func (f *flow) allUnmade() map[uint32]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.unmade)
}

// makeAllAnew makes the rows of the queries anew whose state could not be used. None waits for another to be done.
func (e *Engine) makeAllAnew() {
	defer e.replacing.wg.Done()
	for _, id := range e.flow.allAnew() {
		r, err := e.goOnAnew(id)
		e.replacing.wg.Go(func() { e.awaitAnew(id, r, err) })
	}
}

// remake is what makes the rows of a query anew.
type remake struct {
	name string
	done <-chan error
	own  bool // it was begun for that
}

// awaitAnew sees to it that who waits for the rows of a query gets them, or is told why not. What somebody else has
// begun in the query's place, and what somebody has taken back, is not the last try; nor is one that something was in
// the way of which passes.
func (e *Engine) awaitAnew(id uint32, r *remake, err error) {
	for pause := firstPause; r != nil; r, err = e.goOnAnew(id) {
		begun := err == nil
		if begun {
			select {
			case err = <-r.done:
			case <-e.replacing.stop:
				return
			}
		}
		if err == nil {
			return
		}
		if back := (takenBack{}); !r.own || errors.As(err, &back) {
			continue
		}
		if u := (unsettled{}); errors.As(err, &u) {
			if err = e.checkpointed(context.Background(), u.rel); err == nil {
				continue
			}
		}
		if e.flow.failure() == nil && (begun || !passes(err)) {
			e.log.Error("a continuous query cannot be made anew", "relation", r.name, "error", err)
			e.notAnew(id, err)
			return
		}
		e.log.Info("a continuous query is made anew later", "relation", r.name, "error", err)
		select {
		case <-time.After(pause):
			pause = min(2*pause, lastPause)
		case <-e.replacing.stop:
			return
		}
	}
}

// The pauses before a query is begun anew again get longer.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// passes reports whether an error is of the cluster, the disk or another session, and not of what was tried.
func passes(err error) bool {
	for _, is := range []error{cluster.ErrNoLeader, cluster.ErrNotLeader, cluster.ErrDiskFull, cluster.ErrUnknownOutcome,
		cluster.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, is) {
			return true
		}
	}
	switch sqlerr.From(err).Code {
	case sqlerr.ObjectInUse, sqlerr.DiskFull, sqlerr.CannotConnectNow, sqlerr.AdminShutdown,
		sqlerr.StatementCompletionUnknown:
		return true
	}
	return false
}

// notAnew says that the rows of a query that was given up cannot be made anew for now, and takes back what was to take
// their place.
func (e *Engine) notAnew(id uint32, err error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	f := e.flow
	var failed *catalog.Relation
	err = f.do(context.Background(), func() error {
		before := f.whyGivenUp(id)
		if !f.isAnew(id) {
			return nil
		}
		f.giveUpAlone(givenUp{View: id, Why: before + "; " + sqlerr.From(err).Message, Before: before})
		for _, rel := range e.Catalog().Relations() {
			if n := rel.Next; rel.StateID() == id && n != nil && !f.runs(n.ID) {
				failed = rel
			}
		}
		return nil
	})
	if err == nil && failed != nil {
		err = e.clearReplaced(context.Background(), failed)
	}
	if err != nil {
		e.log.Info("the others are not told that a continuous query is not made anew", "error", err)
	}
}

// goOnAnew begins to make the rows of a query anew, unless that has been begun; nil where there is nothing to make.
func (e *Engine) goOnAnew(id uint32) (*remake, error) {
	e.ddl.Lock()
	defer e.ddl.Unlock()
	for _, rel := range e.Catalog().Relations() {
		if rel.StateID() != id || rel.Terminated || !e.flow.isAnew(id) {
			continue
		}
		if rel.Next != nil {
			done := e.awaitReplaced(rel.Next.ID) // before it is looked whether it has failed: who fails then tells
			runs := false
			err := e.flow.do(context.Background(), func() error { runs = e.flow.runs(rel.Next.ID); return nil })
			if err != nil || runs {
				return &remake{rel.Name, done, err != nil}, err
			}
		}
		e.log.Info("a continuous query is made anew", "relation", rel.Name)
		done, err := e.beginAgain(context.Background(), rel)
		return &remake{rel.Name, done, true}, err
	}
	return nil, nil
}

// runs reports whether a query is in the flow, or is about to be.
func (f *flow) runs(id uint32) bool {
	return f.viewOf(id) != nil || slices.ContainsFunc(f.waiting, func(a attach) bool { return a.View == id })
}

// errMixed is the error of steps that only the binary can compute again that began them.
func errMixed(what string) error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisite,
		"the data directory was left in the middle of %s, which this version of the server does in another way", what).
		WithHint("Start the version that was used before, and stop it: that leaves nothing to be computed again.")
}
