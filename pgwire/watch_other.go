//go:build unix && !linux

package pgwire

import "golang.org/x/sys/unix"

// hungUp reports whether the other side of a socket has closed it. Behind data that is still to be read the end is not
// seen here.
func hungUp(fd int) bool {
	var b [1]byte
	for {
		n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		return n == 0 && err == nil || err == unix.ECONNRESET
	}
}
