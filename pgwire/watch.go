package pgwire

import (
	"net"
	"syscall"
	"time"
)

// watchAfter is how long a statement runs before its client is watched: most are done by then, and cost a timer only.
const watchAfter = 50 * time.Millisecond

// watch notices that a client goes away while its statement runs, when nobody reads from its socket. It looks at the
// state of the connection and takes no data, so that messages sent ahead stay where they are, however many, and do not
// hide the end behind them.
type watch struct {
	sock     syscall.RawConn // nil for a connection that is not a socket; then nothing is noticed
	deadline func(past bool) // interrupts reads, or lets them wait again
	timer    *time.Timer
	running  bool
	lost     func()
	ended    chan struct{} // receives when look is through
}

func newWatch(nc net.Conn, deadline func(past bool)) *watch {
	w := &watch{deadline: deadline}
	if s, ok := nc.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			w.sock = raw
		}
	}
	return w
}

// start has lost called when the client goes away before stop.
func (w *watch) start(lost func()) {
	if w.sock == nil {
		return
	}
	w.stop()
	w.lost, w.running = lost, true
	if w.timer == nil {
		w.ended = make(chan struct{}, 1)
		w.timer = time.AfterFunc(watchAfter, w.look)
		return
	}
	w.timer.Reset(watchAfter)
}

// stop ends the watch. The socket may be read again afterwards.
func (w *watch) stop() {
	if !w.running {
		return
	}
	w.running = false
	if w.timer.Stop() {
		return
	}
	w.deadline(true)
	<-w.ended
	w.deadline(false)
}

// look waits until the client is gone, or stop interrupts it.
func (w *watch) look() {
	gone := false
	err := w.sock.Read(func(fd uintptr) bool {
		gone = hungUp(int(fd))
		return gone
	})
	if gone && err == nil {
		w.lost()
	}
	w.ended <- struct{}{}
}
