//go:build !linux

package pgwire

import (
	"syscall"
	"time"

	"github.com/leatdb/leat/sql/sqlerr"
)

// setUserTimeout sets how long data that was sent may stay unacknowledged, which only Linux can.
func setUserTimeout(syscall.RawConn, time.Duration) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "tcp_user_timeout is not supported on this system")
}
