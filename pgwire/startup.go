package pgwire

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgproto3/v2"

	"github.com/leatdb/leat/sql/sqlerr"
)

// The codes that stand where a startup message has its protocol version.
const (
	cancelCode = 80877102
	sslCode    = 80877103
	gssCode    = 80877104
	protocol3  = 3
	newest     = 2 // minor version
	// maxStartup is PostgreSQL's limit for a startup packet.
	maxStartup = 10000
)

// startup leads the conversation up to the first ReadyForQuery. It reports whether there is a session; a client that
// only wanted to cancel, or went away, has none.
func (c *conn) startup(ctx context.Context) (bool, error) {
	c.readUntil(time.Now().Add(c.server.cfg.StartupTimeout))
	if ok, err := c.directTLS(ctx); !ok || err != nil {
		return false, err
	}
	tls, gss := false, false // each may be asked for once
	for {
		body, err := c.startupPacket()
		if body == nil || err != nil {
			return false, err
		}
		switch code := binary.BigEndian.Uint32(body); {
		case code == sslCode && !tls:
			tls = true
			if ok, err := c.answerTLS(ctx); !ok || err != nil {
				return false, err
			}
		case code == gssCode && !gss:
			gss = true
			if _, err := c.net.Write([]byte{'N'}); err != nil {
				return false, nil
			}
		case code == cancelCode:
			if len(body) > 8 {
				c.server.cancel(int32(binary.BigEndian.Uint32(body[4:])), body[8:])
			}
			return false, nil
		case code == helloCode && c.relay != nil:
			if err := c.readHello(body[4:]); err != nil {
				return false, err
			}
		case code>>16 == protocol3:
			if c.leaving != nil {
				c.leaving.startup = append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
			}
			return c.open(ctx, code, body[4:])
		default:
			return false, sqlerr.New(sqlerr.FeatureNotSupported,
				"unsupported frontend protocol %d.%d: server supports 3.0 to 3.2", code>>16, code&0xffff)
		}
	}
}

// startupPacket reads a packet without a type; nil when the client went away.
func (c *conn) startupPacket() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, nil
	}
	size, limit := int64(binary.BigEndian.Uint32(head[:]))-4, int64(maxStartup)
	if c.relay != nil {
		limit = maxHello
	}
	if size < 4 || size > limit {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of startup packet")
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, nil
	}
	return body, nil
}

// open begins the session.
func (c *conn) open(ctx context.Context, version uint32, body []byte) (bool, error) {
	known := c.relay != nil && c.relay.hello.Known
	if known {
		if err := c.takeKey(); err != nil {
			return false, err
		}
	}
	st, options, unknown, err := c.parseStartup(body)
	if err != nil {
		return false, err
	}
	wanted := version & 0xffff
	if c.minor = min(wanted, newest); c.minor < newest { // there is no 3.1
		c.minor = 0
	}
	if wanted != c.minor || len(unknown) > 0 {
		c.out = appendNegotiate(c.out, c.minor, unknown)
	}
	if !known {
		if ok, err := c.authenticate(st.User); !ok || err != nil {
			return false, err
		}
	}
	if !c.server.admit(c) {
		return false, sqlerr.New(sqlerr.TooManyConnections, "sorry, too many clients already")
	}
	c.send(&pgproto3.AuthenticationOk{})
	if err := parseOptions(options, st.Params); err != nil {
		return false, err
	}
	outside := ctx
	ctx, end := c.begin(ctx)
	defer end()
	if c.session, err = c.server.cfg.Backend.Open(ctx, st); err != nil {
		c.session = nil // whatever came with the error
	} else if c.statements, c.portals = map[string]*statement{}, map[string]*portal{}; known {
		err = c.restore(ctx)
	}
	if known && isElsewhere(err) { // the relay asks another server, with all that it knows of the session
		c.ended, c.silent = true, true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.sendParameters()
	c.out = binary.BigEndian.AppendUint32(append(c.out, 'K'), uint32(8+c.secretBytes()))
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(c.pid))
	c.out = append(c.out, c.secret[:c.secretBytes()]...)
	c.ready()
	c.readUntil(time.Time{})
	if known {
		end()
		return true, c.takeUp(outside)
	}
	return true, nil
}

// parseStartup reads the parameters of a startup message. Options of the protocol (_pq_.name) that are not known are
// returned apart, and so are the options of a command line.
func (c *conn) parseStartup(body []byte) (st Startup, options string, unknown []string, err error) {
	st = Startup{
		Params: map[string]string{}, PID: c.pid, Remote: c.net.RemoteAddr(), Notice: c.notice, Report: c.report,
		Cursors: c.cursors, Keepalive: c.keepalive,
		Cancel: c.cancelStatement, End: c.terminate, Wake: c.wake,
	}
	fields := strings.Split(string(body), "\x00")
	// Names and values in turn, an empty name, and nothing behind its NUL.
	if n := len(fields); n < 2 || n%2 != 0 || fields[n-1] != "" || slices.Index(names(fields), "") != n/2-1 {
		return st, "", nil, sqlerr.New(sqlerr.ProtocolViolation,
			"invalid startup packet layout: expected terminator as last byte")
	}
	for i := 0; fields[i] != ""; i += 2 {
		name, value := fields[i], fields[i+1]
		switch {
		case name == "user":
			st.User = value
		case name == "database":
			st.Database = value
		case name == "options":
			options = value
		case strings.HasPrefix(name, "_pq_."):
			unknown = append(unknown, name)
		case name == "replication":
			// "database" asks for an ordinary session in which commands of replication are understood besides.
			if err := replication(strings.ToLower(value)); err != nil {
				return st, "", nil, err
			}
		default:
			st.Params[strings.ToLower(name)] = value
		}
	}
	if st.User == "" {
		return st, "", nil, sqlerr.New(sqlerr.InvalidAuthorization, "no PostgreSQL user name specified in startup packet")
	}
	if st.Database == "" {
		st.Database = st.User
	}
	return st, options, unknown, nil
}

// names are every other one of the fields.
func names(fields []string) []string {
	var out []string
	for i := 0; i < len(fields); i += 2 {
		out = append(out, fields[i])
	}
	return out
}

// replication refuses what a client may ask for by that name.
func replication(value string) error {
	switch value {
	case "false", "off", "no", "0", "database":
		return nil
	case "true", "on", "yes", "1":
		return sqlerr.New(sqlerr.FeatureNotSupported, "replication connections are not supported")
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"replication\": %q", value).
		WithHint("Valid values are: \"false\", 0, \"true\", 1, \"database\".")
}

// parseOptions reads command-line options: -c name=value and --name=value, with backslashes before blanks.
func parseOptions(text string, params map[string]string) error {
	var words []string
	var word strings.Builder
	started := false
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; {
		case ch == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			started = true
		case ch == ' ' || ch == '\t' || ch == '\n':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteByte(ch)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-c" && i+1 < len(words):
			i++
			w = words[i]
		case strings.HasPrefix(w, "-c"):
			w = w[2:]
		case strings.HasPrefix(w, "--"):
			w = w[2:]
		default:
			return sqlerr.New(sqlerr.SyntaxError, "invalid command-line argument for server process: %s", w)
		}
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return sqlerr.New(sqlerr.SyntaxError, "-c %s requires a value", w)
		}
		params[strings.ToLower(strings.ReplaceAll(name, "-", "_"))] = value
	}
	return nil
}

// longSecret is the length of the key for cancel requests since protocol 3.2.
const longSecret = 32

func (c *conn) secretBytes() int {
	if c.minor < 2 {
		return 4
	}
	return longSecret
}

// appendNegotiate appends NegotiateProtocolVersion: the newest minor version spoken, and the options not known.
func appendNegotiate(dst []byte, minor uint32, unknown []string) []byte {
	dst = append(dst, 'v')
	at := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, protocol3<<16|minor)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(unknown)))
	for _, u := range unknown {
		dst = append(append(dst, u...), 0)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}
