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
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/pgwire"
)

// heapFloor is the size of a block that is allocated and never touched, so that it takes no memory: the collector paces
// itself by the size of the heap, and with a small one would run, and hold statements up, every few milliseconds.
const heapFloor = 64 << 20

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
	if c.reserved != "" {
		logger.Warn("nothing listens at these addresses in this version", "flags", c.reserved)
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
	if err != nil {
		return err
	}
	at := s.door.Addr()
	fmt.Printf("Leat %s is ready.\n  Postgres  %s   psql -h %s -p %s -U leat\n", version, at, host(at), port(at))
	if s.kafka != nil {
		if a := s.kafka.Addr(); a != nil {
			fmt.Printf("  Kafka     %s   any client of Kafka\n", a)
		}
		if a := s.kafka.TLSAddr(); a != nil {
			fmt.Printf("  Kafka TLS %s   any client of Kafka\n", a)
		}
	}
	if s.web != nil {
		fmt.Printf("  HTTP      %s   /healthz /metrics\n", s.webAddr)
	}
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
	engine  *engine.Engine
	tls     *tls.Config // nil for none
	door    *pgwire.Server
	kafka   *kafka.Server
	web     *http.Server
	webAddr net.Addr
	failed  chan error
}

// open starts the parts one after the other; when one fails those before it are closed again.
func open(ctx context.Context, c *config, logger *slog.Logger) (_ *server, err error) {
	s := &server{failed: make(chan error, 2)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.lock, err = lockDir(c.data); err != nil {
		return nil, err
	}
	began := time.Now()
	s.node, err = cluster.Open(ctx, cluster.Config{
		Dir: filepath.Join(c.data, "cluster"), ReserveBytes: c.reserve << 20, HoldRetention: true, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	engineDir := filepath.Join(c.data, "engine")
	if err := os.MkdirAll(engineDir, 0o755); err != nil {
		return nil, err
	}
	memory, err := stateBytes(c.stateMemory)
	if err != nil {
		return nil, err
	}
	s.engine, err = engine.Open(ctx, engine.Config{
		Node: s.node, Dir: engineDir, CheckpointEvery: c.checkpoint, StateBytes: memory, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	if err := c.initialPassword(ctx, s.engine); err != nil {
		return nil, err
	}
	if err := c.checkOpen(s.engine.Catalog()); err != nil {
		return nil, err
	}
	if s.tls, err = c.tls(); err != nil {
		return nil, err
	}
	s.door, err = pgwire.Listen(pgwire.Config{Addr: c.pg, Backend: &backend{engine: s.engine},
		Auth: users{s.engine}, TLS: s.tls, Logger: logger})
	if err != nil {
		return nil, err
	}
	if c.kafka+c.kafkaTLS != "" {
		if err := s.openKafka(ctx, c, logger); err != nil {
			return nil, fmt.Errorf("--kafka: %w", err)
		}
	}
	if c.http != "" {
		if err := s.openWeb(c.http); err != nil {
			return nil, err
		}
	}
	logger.Info("ready", "data", c.data, "pg", s.door.Addr().String(), "took", time.Since(began).Round(time.Millisecond))
	return s, nil
}

// openKafka opens the Kafka door.
func (s *server) openKafka(ctx context.Context, c *config, logger *slog.Logger) error {
	id, err := clusterID(ctx, s.node)
	if err != nil {
		return err
	}
	topics, records := &kafkaTopics{node: s.node, engine: s.engine}, kafkaRecords{s.node}
	txns, known := &kafkaTxns{s.node, topics}, users{s.engine}
	s.kafka, err = kafka.Listen(kafka.Config{
		Addr: c.kafka, TLSAddr: c.kafkaTLS, TLS: s.tls, Security: known, ACLs: known, Users: known,
		ClusterID: id, Dir: c.data, AutoCreate: c.autoCreate, Partitions: c.partitions, Logger: logger,
		Topics: topics, Admin: topics, Storage: topics,
		Records: records, Positions: records, Watcher: records,
		Offsets: &kafkaOffsets{s.node, topics}, Groups: kafkaGroups{s.node}, Transactions: txns, Views: txns,
	})
	return err
}

// openWeb serves health and metrics.
func (s *server) openWeb(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.node.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.Handler())
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if s.web != nil {
		errs = append(errs, s.web.Shutdown(ctx))
	}
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close(ctx))
	}
	if s.door != nil {
		errs = append(errs, s.door.Close(ctx))
	}
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
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
	if err := os.MkdirAll(dir, 0o755); err != nil {
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
