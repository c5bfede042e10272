// Package engine runs queries over the log.
//
// A continuous query compiles to a graph of operators over changes (package vec: rows with a diff). All graphs of a
// node's home shard advance together in steps, run by one flow: a step takes an offset range from every input
// partition, runs every graph it touches to completion, and commits what they put out as one entry of the log.
// What is visible after a step is exactly every view over the same inputs, so views can be joined and read
// together. A pull query is the same graph run once over one such cut; a push query is one of its own that tails.
//
// The files: engine.go and ddl.go make and drop relations; source.go decodes records into changes; flow.go, step.go and
// replay.go run the steps; view.go holds one continuous query and sink.go what it writes; pull.go and push.go
// answer clients; insert.go writes rows; errors.go keeps what could not be read or computed. operator.go and build.go
// say what an operator is, and every operator has a file of its own.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine/state"
	"github.com/leatdb/leat/sql/catalog"
	"github.com/leatdb/leat/sql/sqlerr"
)

// Config says how an engine runs.
type Config struct {
	// Node is where the log and the catalog's documents are. The engine does not close it.
	Node *cluster.Node
	// Dir holds the checkpoints of state.
	Dir string
	// CheckpointEvery is the time between checkpoints while there is something to write; default 10 seconds.
	CheckpointEvery time.Duration
	// StepBytes is how much of one partition a step reads at most; default 1 MiB.
	StepBytes int
	// SliceRows is how many rows of a table a view that catches up takes in one step at most; default 16384.
	SliceRows int
	// BackfillRate is how many rows a second a query takes in while it catches up, unless it says so itself; default 0,
	// which is as many as there is time for.
	BackfillRate int
	// QueueBytes is how much a push query may fall behind what it reads before its changes are let go; default 64 MiB.
	QueueBytes int64
	// StateBytes is how much state may be in memory, by estimate; the rest is read from the checkpoints when it is
	// wanted. 0 for no limit.
	StateBytes int64
	// State says how checkpoints are written; tests alone set it.
	State state.Options
	// ColumnBytes is how much memory the columns may take that queries have read, those of streams half of it; default
	// 256 MiB.
	ColumnBytes int64
	// MomentRecords is how many records lie between two moments of a table or view that rows of the past are made from;
	// default 32768.
	MomentRecords int
	// Copies are those of the cluster that the node belongs to; nil for none.
	Copies *Copies
	Logger *slog.Logger
	// Now is the clock; default time.Now.
	Now func() time.Time
}

func (c *Config) validate() error {
	if c.Node == nil || c.Dir == "" {
		return errors.New("engine: Config needs Node and Dir")
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 10 * time.Second
	}
	if c.StepBytes == 0 {
		c.StepBytes = 1 << 20
	}
	if c.SliceRows == 0 {
		c.SliceRows = 16384
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.ColumnBytes == 0 {
		c.ColumnBytes = 256 << 20
	}
	if c.MomentRecords == 0 {
		c.MomentRecords = 32 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Engine is the query engine of a node.
type Engine struct {
	cfg  Config
	node *cluster.Node
	log  *slog.Logger
	flow *flow
	// locks are those of all transactions.
	locks    *locks
	advisory *advisory
	clients  *clients
	seqs     sequences
	stats    statistics
	columns  columnBudget
	recalls  recalls
	moments  moments
	streams  streamColumns

	replacing replacements

	ddl     sync.Mutex        // held by whoever changes the catalog
	version uint64            // of the documents; guarded by ddl
	docs    map[string][]byte // what the catalog was made of; guarded by ddl
	cat     atomic.Pointer[catalog.Snapshot]

	endShare func() // ends the copying of checkpoints, and waits for that

	pushes subscriptions
	// Counts since the server was started.
	pulls, points, pushedRows atomic.Int64

	sticky atomic.Uint64 // spreads records without a key over partitions, batch by batch
}

// Names of the topics the engine keeps for itself.
const (
	stepsTopic  = "__leat_steps"
	errorsTopic = "__leat_errors"
	// relationPrefix begins the key of a relation's document in the control group.
	relationPrefix = "relation/"
	functionPrefix = "function/"
	schemaPrefix   = "schema/"
	rolePrefix     = "role/"
	nextIDKey      = "next-relation-id"
	// firstID is the ID of the first relation users make, as PostgreSQL's first user OID.
	firstID = 16384
)

// Open starts the engine: it reads the catalog, restores the last checkpoint, replays the steps committed since, and
// goes on from there. It returns when that is done.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	e := newEngine(cfg)
	if err := e.createInternalTopics(ctx); err != nil {
		return nil, err
	}
	if err := e.loadCatalog(); err != nil {
		return nil, err
	}
	if err := e.adoptSequences(ctx); err != nil {
		return nil, err
	}
	if err := e.fetchCheckpoint(ctx); err != nil {
		return nil, err
	}
	if err := openFlow(ctx, e, filepath.Join(cfg.Dir, checkpointFile), false); err != nil {
		e.shareNoMore()
		return nil, err
	}
	if err := e.begin(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func newEngine(cfg Config) *Engine {
	e := &Engine{cfg: cfg, node: cfg.Node, log: cfg.Logger, locks: newLocks(), advisory: newAdvisory(),
		clients: newClients(), seqs: sequences{open: map[uint32]*sequence{}},
		columns: columnBudget{limit: cfg.ColumnBytes}, moments: moments{of: map[uint32]*kept{}},
		streams:   streamColumns{kept: map[uint32]*keptStream{}},
		replacing: replacements{done: map[uint32][]chan error{}, stop: make(chan struct{})},
		endShare:  func() {}}
	e.streams.budget = &e.columns
	return e
}

// begin starts what an engine that leads does beside its flow.
func (e *Engine) begin(ctx context.Context) error {
	e.replacing.wg.Add(2)
	go e.superviseReplacements()
	go e.makeAllAnew()
	e.shareCheckpoints(e.flow.store)
	if err := e.node.EndOwn(ctx); err != nil {
		e.log.Warn("a transaction of the node that led before is left to its timeout", "error", err)
	}
	return e.dropTemporary(ctx)
}

// Close stops every query, writes a last checkpoint and waits for the engine's goroutines.
func (e *Engine) Close() error {
	if e.Follows() {
		e.cfg.Copies.giveOf(nil)
	} else {
		e.returnNumbers()
	}
	close(e.replacing.stop)
	e.replacing.wg.Wait()
	e.endShare()
	err := e.flow.close()
	e.shareNoMore()
	return err
}

// Catalog returns the newest snapshot.
func (e *Engine) Catalog() *catalog.Snapshot { return e.cat.Load() }

func (e *Engine) createInternalTopics(ctx context.Context) error {
	var missing []cluster.TopicConfig
	for _, name := range []string{stepsTopic, errorsTopic, marksTopic} {
		if _, ok := e.node.Topic(name); !ok {
			t := cluster.TopicConfig{Name: name, Partitions: 1, Internal: true, Home: flowID}
			if name == marksTopic {
				t.Retention, t.RetentionBytes = marksKept, marksBytes
			}
			missing = append(missing, t)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err := e.node.Update(ctx, cluster.Change{CreateTopics: missing})
	return err
}

// documents are those that the catalog is made of.
func documents(node *cluster.Node) (version uint64, docs map[string][]byte) {
	version, docs = node.Documents()
	maps.DeleteFunc(docs, func(key string, _ []byte) bool {
		return !strings.HasPrefix(key, relationPrefix) && !strings.HasPrefix(key, functionPrefix) &&
			!strings.HasPrefix(key, schemaPrefix) && !strings.HasPrefix(key, rolePrefix) && key != nextIDKey
	})
	return version, docs
}

// loadCatalog reads every document of the catalog.
func (e *Engine) loadCatalog() error {
	version, docs := documents(e.node)
	cat, err := readCatalog(version, docs)
	if err != nil {
		return err
	}
	e.version, e.docs = version, docs
	cat.DefineEnums()
	e.cat.Store(cat)
	return nil
}

// ReadCatalog reads the catalog as a node knows it, for those that have no engine.
func ReadCatalog(node *cluster.Node) (*catalog.Snapshot, error) {
	version, docs := documents(node)
	return readCatalog(version, docs)
}

// readCatalog makes the catalog of its documents.
func readCatalog(version uint64, docs map[string][]byte) (*catalog.Snapshot, error) {
	rels := []*catalog.Relation{errorsRelation()}
	var functions []*catalog.Function
	var schemas []*catalog.Schema
	var roles []*catalog.Role
	for key, doc := range docs {
		var err error
		switch {
		case strings.HasPrefix(key, relationPrefix):
			var rel *catalog.Relation
			rel, err = catalog.Decode(doc)
			rels = append(rels, rel)
		case strings.HasPrefix(key, functionPrefix):
			var f *catalog.Function
			f, err = catalog.DecodeFunction(doc)
			functions = append(functions, f)
		case strings.HasPrefix(key, schemaPrefix):
			s := &catalog.Schema{}
			err = json.Unmarshal(doc, s)
			schemas = append(schemas, s)
		case strings.HasPrefix(key, rolePrefix):
			var r *catalog.Role
			r, err = catalog.DecodeRole(doc)
			roles = append(roles, r)
		}
		if err != nil {
			return nil, fmt.Errorf("engine: catalog document %s: %w", key, err)
		}
	}
	return catalog.New(version, rels).With(functions, schemas).WithRoles(roles), nil
}

// Canceled is the error for a statement whose context ended with cause.
func Canceled(cause error) error { return translate(cause) }

// Translate is the error that users see for one of the cluster.
func Translate(err error) error { return translate(err) }

// translate turns the sentinels of the log and the cluster into errors users understand. Every way into the log from
// this package passes here.
func translate(err error) error {
	var se *sqlerr.Error
	switch {
	case err == nil, errors.As(err, &se):
		return err
	case errors.Is(err, cluster.ErrNoLeader):
		return sqlerr.New(sqlerr.CannotConnectNow, "nodes that have a part of the topics cannot be reached: %s", err.Error()).
			WithHint("Try again: most nodes have to be up for one of them to lead each shard.")
	case errors.Is(err, context.Canceled) && !errors.Is(err, cluster.ErrUnknownOutcome):
		return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, cluster.ErrUnknownOutcome):
		return sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to statement timeout")
	case errors.Is(err, cluster.ErrDiskFull):
		return sqlerr.New(sqlerr.DiskFull, "the disk is full: the write was refused and nothing of it is stored").
			WithHint("Free space in the data directory, or drop relations; writes resume by themselves.")
	case errors.Is(err, cluster.ErrTooLarge):
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "the write is too large for one transaction").
			WithHint("Write fewer rows at a time; COPY splits by itself.")
	case errors.Is(err, cluster.ErrUnknownOutcome):
		return sqlerr.New(sqlerr.StatementCompletionUnknown, "it is not known whether the write was stored: %s", err.Error()).
			WithHint("Look whether it is there before you write it again.")
	case errors.Is(err, cluster.ErrNoPartition):
		return sqlerr.New(sqlerr.UndefinedTable, "the relation was dropped")
	case errors.Is(err, cluster.ErrNoLeader):
		return sqlerr.New(sqlerr.CannotConnectNow, "a part of the log has no leader now: nothing was done").
			WithHint("Try again: another node leads it when most nodes are up.")
	case errors.Is(err, cluster.ErrNotLeader):
		return sqlerr.New(sqlerr.AdminShutdown, "this node leads the cluster no longer: nothing was done").
			WithHint("Connect again: every node knows the one that leads.")
	case errors.Is(err, cluster.ErrClosed):
		return sqlerr.New(sqlerr.AdminShutdown, "the server is shutting down")
	default:
		return sqlerr.New(sqlerr.IOError, "%s", err.Error())
	}
}
