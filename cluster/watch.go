package cluster

import "sync"

// A Watch says when there is more to read.
type Watch struct {
	// C gets a signal after any partition grew. Signals that nobody took are one.
	C   chan struct{}
	all *watches
}

// Watch starts to watch all partitions.
func (n *Node) Watch() *Watch {
	w := &Watch{C: make(chan struct{}, 1), all: &n.watches}
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	if w.all.open == nil {
		w.all.open = map[*Watch]struct{}{}
	}
	w.all.open[w] = struct{}{}
	return w
}

// Close ends the watch. C stays open and silent.
func (w *Watch) Close() {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	delete(w.all.open, w)
}

// watches are a node's watches.
type watches struct {
	mu   sync.Mutex
	open map[*Watch]struct{}
}

func (ws *watches) signal() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.open {
		select {
		case w.C <- struct{}{}:
		default:
		}
	}
}

func (ws *watches) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.open = nil
}
