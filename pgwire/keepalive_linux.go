package pgwire

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout sets how long data that was sent may stay unacknowledged; 0 is the system's own.
func setUserTimeout(sock syscall.RawConn, d time.Duration) error {
	var failed error
	err := sock.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
