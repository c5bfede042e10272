package session

import (
	"strconv"
	"strings"
	"time"
)

// Keepalive says when a client that does not answer any more is given up; see pgwire's.
type Keepalive struct {
	Idle, Interval time.Duration
	Count          int
	Timeout        time.Duration
}

// The settings of a connection; 0 stands for what the server does of its own accord.
const (
	keepIdle     = "tcp_keepalives_idle"
	keepInterval = "tcp_keepalives_interval"
	keepCount    = "tcp_keepalives_count"
	keepTimeout  = "tcp_user_timeout"
)

// The server's own values: a client that has vanished while its connection was silent is noticed within three minutes.
const ownIdle, ownInterval, ownCount = "15", "15", "9"

// keeps are the definitions of these settings.
func keeps() []definition {
	return []definition{
		{name: keepIdle, initial: ownIdle, kind: secondSetting, check: orOwn(seconds, ownIdle),
			doc: "how long a connection is silent before the client is asked whether it is there"},
		{name: keepInterval, initial: ownInterval, kind: secondSetting, check: orOwn(seconds, ownInterval),
			doc: "how long until it is asked again"},
		{name: keepCount, initial: ownCount, kind: intSetting, check: orOwn(integer, ownCount),
			doc: "how often it is asked before it is given up"},
		{name: keepTimeout, initial: "0", kind: timeSetting,
			doc: "how long what was sent may wait for the client to take it; 0 is the system's own"},
		{name: "client_connection_check_interval", initial: "0", kind: timeSetting,
			doc: "for clients that set it: a client that goes away ends its statement at once"},
	}
}

// orOwn is a check in which 0 stands for the server's own value.
func orOwn(check func(string) (string, error), own string) func(string) (string, error) {
	return func(v string) (string, error) {
		v, err := check(v)
		if v == "0" {
			v = own
		}
		return v, err
	}
}

// seconds reads a time: a number of seconds, or a number and a unit.
func seconds(v string) (string, error) {
	if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && n >= 0 {
		return strconv.Itoa(n), nil
	}
	ms, err := milliseconds(v)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(ms)
	return strconv.Itoa((n + 500) / 1000), err
}

// keepalive is what the settings say, with the value of one of them replaced.
func (s *settings) keepalive(name, value string) Keepalive {
	number := func(setting string) time.Duration {
		v := s.value(setting)
		if setting == name {
			v = value
		}
		n, _ := strconv.Atoi(v) // checked when it was set
		return time.Duration(n)
	}
	return Keepalive{Idle: number(keepIdle) * time.Second, Interval: number(keepInterval) * time.Second,
		Count: int(number(keepCount)), Timeout: number(keepTimeout) * time.Millisecond}
}

// ofConnection reports whether a setting is one of the client's connection.
func ofConnection(name string) bool {
	return name == keepIdle || name == keepInterval || name == keepCount || name == keepTimeout
}
