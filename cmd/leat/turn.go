package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/kafka"
	"github.com/leatdb/leat/log"
	"github.com/leatdb/leat/pgwire"
)

// A turn is what runs while this node leads: the engine and the doors to it. A node that runs alone has one turn.
type turn struct {
	engine *engine.Engine
	door   *pgwire.Server
	kafka  *kafka.Server // nil for none
	server *server
	closed bool // the doors are
}

// openTurn opens the engine and then the doors. An engine that has followed goes on, where it can.
func openTurn(ctx context.Context, s *server, c *config, logger *slog.Logger, warm *follower) (_ *turn, err error) {
	t := &turn{server: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.close(ctx))
		}
	}()
	conf, err := engineConfig(s, c, logger)
	if err != nil {
		return nil, err
	}
	if t.engine = warm.lead(ctx, logger); t.engine == nil {
		if t.engine, err = engine.Open(ctx, conf); err != nil {
			return nil, err
		}
	}
	if err := c.initialPassword(ctx, t.engine); err != nil {
		return nil, err
	}
	if err := c.checkOpen(t.engine.Catalog()); err != nil {
		return nil, err
	}
	pg := pgwire.Config{Addr: c.pg, Backend: &backend{t.engine, s.node}, Auth: users{t.engine}, TLS: s.tls, Logger: logger}
	if s.peers != nil {
		pg.Listener = s.peers.pg.open()
		pg.Surrender = s.peers.pg.takeUp
		pg.FirstPID = 1 + rand.Int32N(1<<30) // a session keeps its number when another node goes on with it
	}
	if t.door, err = pgwire.Listen(pg); err != nil {
		return nil, err
	}
	if c.kafka+c.kafkaTLS != "" {
		if err := t.openKafka(ctx, s, c, logger); err != nil {
			return nil, fmt.Errorf("--kafka: %w", err)
		}
	}
	s.current.Store(t)
	return t, nil
}

func engineConfig(s *server, c *config, logger *slog.Logger) (engine.Config, error) {
	conf := engine.Config{Node: s.node, Now: s.node.Now, Dir: engineDir(c), CheckpointEvery: c.checkpoint,
		BackfillRate: c.backfill,
		Logger:       logger}
	if s.peers != nil {
		conf.Copies = s.peers.copies
	}
	var err error
	if conf.StateBytes, err = stateBytes(c.stateMemory); err != nil {
		return conf, err
	}
	return conf, log.MakeDir(conf.Dir, 0o755)
}

func engineDir(c *config) string { return filepath.Join(c.data, "engine") }

// openKafka opens the Kafka door.
func (t *turn) openKafka(ctx context.Context, s *server, c *config, logger *slog.Logger) error {
	id, err := clusterID(ctx, s.node)
	if err != nil {
		return err
	}
	topics := &kafkaTopics{node: s.node, engine: t.engine, spread: c.placement == placedSpread}
	records, txns, changed := kafkaRecords{s.node}, &kafkaTxns{s.node, topics}, admins{t.engine}
	conf := kafka.Config{
		Addr: c.kafka, TLSAddr: c.kafkaTLS, TLS: s.tls, Security: users{t.engine}, ACLs: changed, Users: changed,
		ClusterID: id, Dir: c.data, AutoCreate: c.autoCreate, Partitions: c.partitions, Logger: logger,
		Topics: topics, Admin: topics, Storage: topics,
		Records: records, Positions: records, Watcher: records,
		Offsets: &kafkaOffsets{s.node, topics}, Groups: kafkaGroups{s.node}, Transactions: txns, Views: txns,
	}
	if s.peers != nil {
		conf.Listener, conf.TLSListener = opened(s.peers.kafka), opened(s.peers.kafkaTLS)
		conf.Surrender = s.peers.takeBack
		conf.Brokers = func() []kafka.Broker { return brokers(s.node) }
		conf.Confirm = func(ctx context.Context) error { return kafkaError(s.node.Confirm(ctx)) }
	}
	if s.peers != nil && s.node.Spread() > 0 {
		conf.Placed, conf.Vouched = kafkaPlaces{s.node}, s.peers.kafkaPassed.open()
	}
	t.kafka, err = kafka.Listen(conf)
	return err
}

// takeBack takes a client back that the Kafka door has not begun with.
func (p *peers) takeBack(c net.Conn, secure bool) {
	if secure {
		p.kafkaTLS.takeBack(c)
	} else {
		p.kafka.takeBack(c)
	}
}

// opened is the listener of a gate's door, nil without a gate.
func opened(g *gate) net.Listener {
	if g == nil {
		return nil
	}
	return g.open()
}

// brokers lists the nodes for Kafka's clients, this one first.
func brokers(node *cluster.Node) []kafka.Broker {
	var all []kafka.Broker
	for _, m := range node.Members() {
		b := kafka.Broker{ID: int32(m.ID), Addr: m.Kafka, TLSAddr: m.KafkaTLS, Down: !node.Connected(m.ID)}
		if m.ID == node.Self() {
			all = append([]kafka.Broker{b}, all...)
		} else {
			all = append(all, b)
		}
	}
	return all
}

// close ends the doors and then the engine.
func (t *turn) close(ctx context.Context) error {
	err := t.closeDoors(ctx)
	if t.engine != nil {
		err = errors.Join(err, t.engine.Close())
	}
	return err
}

// closeDoors ends the doors, both at once: clients of both wait for the next leader.
func (t *turn) closeDoors(ctx context.Context) error {
	t.server.current.CompareAndSwap(t, nil)
	if t.closed {
		return nil
	}
	t.closed = true
	var pg, other error
	var both sync.WaitGroup
	if t.kafka != nil {
		both.Go(func() { other = t.kafka.Close(ctx) })
	}
	if t.door != nil {
		pg = t.door.Close(ctx)
	}
	both.Wait()
	return errors.Join(pg, other)
}
