package fn

import (
	"strings"

	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
	"github.com/leatdb/leat/sql/vec"
)

// Control is the session that runs a statement, to the functions that change it or reach others.
type Control interface {
	// Configure gives a setting a value, or with nil its default, until the transaction ends with local. It returns the
	// value as SHOW has it.
	Configure(name string, value *string, local bool) (string, error)
	// Signal cancels the statement of the session with that number, or ends the session; sent is false where there is
	// none.
	Signal(pid int32, end bool) (sent bool, err error)
	// Notify sends a notification when the transaction commits.
	Notify(channel, payload string) error
	// Channels are those that the session listens on.
	Channels() []string
}

// controlDecls declares what changes the session or reaches others.
func controlDecls() []Scalar {
	text, b := types.Text, types.Bool
	var fs []Scalar
	add := func(name string, args []types.Type, ret types.Type, strict bool, f func(r Row, out *vec.Column) error,
		summary string) {
		fs = append(fs, Scalar{Name: name, Args: args, Ret: ret, Strict: strict, Volatile: true,
			Kernel: rowwise(func(r Row, out *vec.Column) error {
				if r.Env.Control == nil {
					return sqlerr.New(sqlerr.FeatureNotSupported, "function %s needs a session", name)
				}
				return f(r, out)
			}), Doc: Doc{Category: "session", Summary: summary}})
	}
	add("set_config", in(text, text, b), text, false, setConfig,
		"Gives a setting a value, until the transaction ends where the last argument is true. Returns the value.")
	signal := func(end bool) func(r Row, out *vec.Column) error {
		return func(r Row, out *vec.Column) error {
			sent, err := r.Env.Control.Signal(int32(r.Int(0)), end)
			if err == nil {
				out.AppendBool(sent)
			}
			return err
		}
	}
	add("pg_cancel_backend", in(types.Int4), b, true, signal(false),
		"Cancels the statement of the session with that number; false where there is none.")
	add("pg_terminate_backend", in(types.Int4), b, true, signal(true),
		"Ends the session with that number; false where there is none.")
	add("pg_terminate_backend", in(types.Int4, types.Int8), b, true, signal(true), "")
	add("pg_notify", in(text, text), types.Void, false, func(r Row, out *vec.Column) error {
		channel, payload := "", ""
		if !r.IsNull(0) {
			channel = r.Text(0)
		}
		if !r.IsNull(1) {
			payload = r.Text(1)
		}
		out.AppendString("")
		return r.Env.Control.Notify(channel, payload)
	}, "Sends a notification to the sessions that listen on a channel, as NOTIFY does.")
	return fs
}

func setConfig(r Row, out *vec.Column) error {
	if r.IsNull(0) {
		return sqlerr.New(sqlerr.NullValueNotAllowed, "SET requires parameter name")
	}
	var value *string
	if !r.IsNull(1) {
		text := r.Text(1)
		value = &text
	}
	v, err := r.Env.Control.Configure(strings.ToLower(r.Text(0)), value, !r.IsNull(2) && r.Bool(2))
	if err == nil {
		out.AppendString(v)
	}
	return err
}
