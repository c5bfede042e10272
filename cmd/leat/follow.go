package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/leatdb/leat/cluster"
	"github.com/leatdb/leat/engine"
	"github.com/leatdb/leat/pgwire"
)

const (
	// followAgain is how long a node waits before it tries again to follow, the first time, and followLongest at most.
	followAgain   = 250 * time.Millisecond
	followLongest = 10 * time.Second
	// reopenLoad bounds the share of the time that an engine is being opened because the catalog changes, to a tenth;
	// what it has is older meanwhile, by no more than reopenLongest.
	reopenLoad    = 10
	reopenLongest = 5 * time.Second
	// nearGrace is how long statements run on when an engine that follows is to be closed, or to lead.
	nearGrace = 100 * time.Millisecond
)

// A follower is what runs while another node leads: an engine that follows that one's, and the door to it for sessions
// that read stale. It begins and ends with the time between two turns, and anew whenever the engine is lost. When this
// node is to lead, its next turn takes the engine over.
type follower struct {
	engine *engine.Engine
	door   *pgwire.Server // nil before the engine has caught up
}

// follow keeps a follower until end is called, which returns the one there is then, nil for none.
func (p *peers) follow(ctx context.Context, s *server, c *config, logger *slog.Logger) (end func() *follower) {
	if !c.follow {
		return func() *follower { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan *follower, 1)
	go func() { done <- p.keepFollower(ctx, s, c, logger) }()
	return func() *follower {
		cancel()
		return <-done
	}
}

// keepFollower opens a follower, again and again, while another node leads.
func (p *peers) keepFollower(ctx context.Context, s *server, c *config, logger *slog.Logger) *follower {
	for wait := time.Duration(0); p.followsAfter(ctx, s, wait); {
		began := time.Now()
		f, err := openFollower(ctx, s, c, logger)
		if f != nil && f.engine.Outdated() && err != nil { // by what has come while it caught up
			wait = 0
		} else if err == nil {
			logger.Info("this node follows", "leader", s.node.Leader(), "took", time.Since(began).Round(time.Millisecond))
			p.notFollowing = nil
			p.follower.Store(f)
			over := f.lost(ctx, reopenLoad*time.Since(began))
			p.follower.Store(nil)
			if !over {
				return f
			}
			wait = 0
		} else {
			wait = min(max(2*wait, followAgain), followLongest)
			if ctx.Err() == nil && p.notFollowing.isNew(err) {
				logger.Info("this node does not follow yet", "error", err, "again", wait)
			}
		}
		if err := f.close(); err != nil {
			logger.Warn("the end of following", "error", err)
		}
	}
	return nil
}

// lost waits until the engine is lost, or ctx ends: then it reports false. One whose catalog has changed is there for
// some time at least: where tables come and go all the time, it is not opened all the time.
func (f *follower) lost(ctx context.Context, least time.Duration) bool {
	stays := time.After(min(least, reopenLongest))
	select {
	case <-f.engine.Lost():
	case <-ctx.Done():
		return false
	}
	if !f.engine.Outdated() {
		return true
	}
	select {
	case <-stays:
		return true
	case <-ctx.Done():
		return false
	}
}

// followsAfter waits for a while, and until another node leads.
func (p *peers) followsAfter(ctx context.Context, s *server, wait time.Duration) bool {
	for {
		select {
		case <-time.After(max(wait, leaderPoll)):
		case <-ctx.Done():
			return false
		}
		if id := s.node.Leader(); id != 0 && id != s.node.Self() {
			return true
		}
		wait = 0
	}
}

// openFollower opens the engine and, when it has caught up, the door. What it returns is to be closed, with an error
// too.
func openFollower(ctx context.Context, s *server, c *config, logger *slog.Logger) (*follower, error) {
	conf, err := engineConfig(s, c, logger)
	if err != nil {
		return nil, err
	}
	f := &follower{}
	if f.engine, err = engine.Follow(ctx, conf); err != nil {
		return nil, err
	}
	if err := f.engine.CatchUp(ctx); err != nil {
		if ctx.Err() != nil { // this node is to lead: what there is counts
			err = nil
		}
		return f, err
	}
	f.door, err = pgwire.Listen(pgwire.Config{Listener: s.peers.pg.openNear(), Backend: &backend{f.engine, s.node},
		Auth: users{f.engine}, TLS: s.tls, Logger: logger, FirstPID: 1 + rand.Int32N(1<<30), Grace: nearGrace})
	return f, err
}

// lead makes the engine one that leads, and ends the door. It returns nil where that cannot be: everything is closed
// then.
func (f *follower) lead(ctx context.Context, logger *slog.Logger) *engine.Engine {
	if f == nil {
		return nil
	}
	shut := make(chan error, 1)
	go func() { shut <- f.shut() }()
	err := f.engine.Lead(ctx)
	shutErr := <-shut
	if err == nil {
		if shutErr != nil {
			logger.Warn("the end of following", "error", shutErr)
		}
		logger.Info("the state that followed is taken over")
		return f.engine
	}
	logger.Info("what this node had of the state is not taken over", "error", err)
	if err := errors.Join(shutErr, f.engine.Close()); err != nil {
		logger.Warn("the end of following", "error", err)
	}
	return nil
}

// shut ends the door.
func (f *follower) shut() error {
	if f.door == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*nearGrace)
	defer cancel()
	return f.door.Close(ctx)
}

// close ends the door and then the engine.
func (f *follower) close() error {
	if f == nil {
		return nil
	}
	return errors.Join(f.shut(), f.engine.Close())
}

// engineState is how far the engine of this node is, which leads or follows; nil for none that could say why.
func (p *peers) engineState(s *server) (state *cluster.EngineState) {
	if t := s.current.Load(); t != nil {
		return t.engine.Progress()
	}
	if f := p.follower.Load(); f != nil {
		state = f.engine.Progress()
	}
	if why := p.unable.why.Load(); why != nil {
		if state == nil {
			state = &cluster.EngineState{}
		}
		state.Unable = *why
	}
	return state
}
