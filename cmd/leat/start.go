package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/log"
)

// heapFloor is the size of a block that is allocated and never touched, so that it takes no memory: the collector paces
// itself by the size of the heap, and with a small one would run, and hold statements up, every few milliseconds.
const heapFloor = 64 << 20

// spreadShards is how many spread shards a new cluster gets: as many as there are voters, so that each leads one.
const spreadShards = 3

// start runs the server until SIGTERM or SIGINT.
func start(args []string) error {
	c, err := load(args, os.LookupEnv)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	logger, err := newLogger(c.logLevel)
	if err != nil {
		return err
	}
	// A thread blocked in fdatasync holds a processor of the runtime for a while; a few more than there are cores keep
	// the others busy.
	if _, said := os.LookupEnv("GOMAXPROCS"); !said && runtime.GOMAXPROCS(0) < 4 {
		runtime.GOMAXPROCS(4)
	}
	defer runtime.KeepAlive(make([]byte, heapFloor))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := open(ctx, c, logger)
	if err != nil || s == nil {
		return err
	}
	s.announce()
	select {
	case <-ctx.Done():
		logger.Info("shutting down")
	case err = <-s.failed:
		logger.Error("stopping", "error", err)
	}
	return errors.Join(err, s.close())
}

func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %w", err)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})), nil
}

// server is everything that runs, in starting order.
type server struct {
	lock    *os.File
	node    *cluster.Node
	tls     *tls.Config // nil for none
	peers   *peers      // nil: it runs alone
	turn    *turn       // of a server that runs alone; else supervise has its own
	web     *http.Server
	webAddr net.Addr
	ready   atomic.Bool // node is there
	failed  chan error
	current atomic.Pointer[turn] // the turn that metrics tell of; nil while there is none
}

// announce says where the server is.
func (s *server) announce() {
	at := s.addrs()
	fmt.Printf("Leat %s is ready.\n  Postgres  %s   psql -h %s -p %s -U leat\n", version, at.pg, host(at.pg), port(at.pg))
	if at.kafka != nil {
		fmt.Printf("  Kafka     %s   any client of Kafka\n", at.kafka)
	}
	if at.kafkaTLS != nil {
		fmt.Printf("  Kafka TLS %s   any client of Kafka\n", at.kafkaTLS)
	}
	if s.peers != nil {
		fmt.Printf("  Cluster   %s   node %d; leat start --join %s\n", s.peers.self.Addr, s.node.Self(), s.peers.self.Addr)
	}
	if s.web != nil {
		fmt.Printf("  HTTP      %s   /healthz /metrics\n", s.webAddr)
	}
}

// addrs are where clients come.
type addrs struct{ pg, kafka, kafkaTLS net.Addr }

func (s *server) addrs() addrs {
	if s.peers != nil {
		return s.peers.addrs()
	}
	at := addrs{pg: s.turn.door.Addr()}
	if s.turn.kafka != nil {
		at.kafka, at.kafkaTLS = s.turn.kafka.Addr(), s.turn.kafka.TLSAddr()
	}
	return at
}

// open starts the parts one after the other; when one fails those before it are closed again. There is no server either
// when ctx ends before it is ready, and no error if what had begun is closed.
func open(ctx context.Context, c *config, logger *slog.Logger) (_ *server, err error) {
	s := &server{failed: make(chan error, 3)}
	defer func() {
		switch {
		case err == nil:
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			logger.Info("shutting down before it was ready")
			err = s.close()
		default:
			err = errors.Join(err, s.close())
		}
	}()
	if s.lock, err = lockDir(c.data); err != nil {
		return nil, err
	}
	began := time.Now()
	if s.tls, err = c.tls(); err != nil {
		return nil, err
	}
	conf := cluster.Config{
		Dir: filepath.Join(c.data, "cluster"), ReserveBytes: c.reserve << 20, HoldRetention: true, Logger: logger,
	}
	conf.Spread = spreadShards
	conf.Peers.Self = c.member()
	if c.cluster+c.join != "" {
		if s.peers, err = c.openPeers(logger); err != nil {
			return nil, err
		}
		s.peers.pg.tls, conf.Peers = s.tls, s.peers.config
	}
	if c.http != "" {
		if err := s.openWeb(c.http); err != nil {
			return nil, err
		}
	}
	if s.node, err = cluster.Open(ctx, conf); err != nil {
		return nil, err
	}
	s.ready.Store(true)
	if s.peers != nil {
		if err = s.peers.run(ctx, s, c, logger); err != nil {
			return nil, err
		}
	} else if s.turn, err = openTurn(ctx, s, c, logger, nil); err != nil {
		return nil, advised(err, aloneAdvice)
	}
	logger.Info("ready", "data", c.data, "pg", s.addrs().pg.String(), "took", time.Since(began).Round(time.Millisecond))
	return s, nil
}

// openWeb serves health and metrics.
func (s *server) openWeb(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		if err := s.node.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	own := prometheus.NewRegistry()
	if err := own.Register(&collector{s}); err != nil {
		panic("BUG: " + err.Error())
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.Gatherers{prometheus.DefaultGatherer, own},
		promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	s.web = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	s.webAddr = l.Addr()
	go func() {
		if err := s.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return nil
}

// close ends what runs, last started first.
func (s *server) close() error {
	if s.node == nil || s.node.Err() == nil {
		return s.closeAll()
	}
	done := make(chan error, 1)
	go func() { done <- s.closeAll() }()
	select {
	case err := <-done:
		return err
	case <-time.After(failedClose):
		return errNotClosed
	}
}

// failedClose bounds how long a node whose disk has failed takes to end: there is nothing to be saved, and what waits
// for the disk may wait for ever.
const failedClose = 5 * time.Second

var errNotClosed = errors.New("the node has failed and could not close everything")

// closeAll closes what close does.
func (s *server) closeAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if s.web != nil {
		errs = append(errs, s.web.Shutdown(ctx))
	}
	if s.turn != nil {
		errs = append(errs, s.turn.close(ctx))
	}
	if s.peers != nil {
		errs = append(errs, s.peers.close())
	}
	if s.node != nil {
		errs = append(errs, s.node.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// lockDir makes the data directory and makes sure that no other server uses it.
func lockDir(dir string) (*os.File, error) {
	if err := log.MakeDir(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another leat runs on %s", dir), f.Close())
	}
	return f, nil
}

func host(a net.Addr) string { h, _, _ := net.SplitHostPort(a.String()); return h }
func port(a net.Addr) string { _, p, _ := net.SplitHostPort(a.String()); return p }
