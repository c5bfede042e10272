package session

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatdb/leat/planner"
	"github.com/leatdb/leat/sql/ast"
	"github.com/leatdb/leat/sql/fn"
	"github.com/leatdb/leat/sql/sqlerr"
	"github.com/leatdb/leat/sql/types"
)

// roleSetting is the setting of SET ROLE.
const roleSetting = "role"

// userSetting is the setting of SET SESSION AUTHORIZATION.
const userSetting = "session_authorization"

// resetSetting is the setting that says where queries begin to read streams, by ksqlDB's name for it.
const resetSetting = "auto.offset.reset"

// bufferSetting is the setting of ksqlDB that says how much is taken in before results are shown.
const bufferSetting = "cache.max.bytes.buffering"

// fetchWaitSetting is how long FETCH waits for the rows of a push query.
const fetchWaitSetting = "leat.fetch_wait"

// definition is what is known of a setting.
type definition struct {
	name    string
	initial string
	kind    settingKind
	// check returns the value as it is kept, or an error; nil takes what the kind does.
	check func(value string) (string, error)
	words []string // of an enumeration
	// report tells clients of changes, as PostgreSQL does of some.
	report bool
	fixed  bool // cannot be set
	doc    string
	// What pg_settings says besides of those that PostgreSQL has too: the unit of a number, who may set it …
	unit, context, category, lowest, highest string
}

// definitions are the settings there are. Those that only satisfy clients say so.
// reportNames are the names PostgreSQL reports parameters by.
var reportNames = map[string]string{"datestyle": "DateStyle", "intervalstyle": "IntervalStyle", "timezone": "TimeZone"}

// idleSetting is how long partitions may be idle, in milliseconds.
const idleSetting = "emit.idle.ms"

// backfillSetting is how many rows a second a query takes in while it catches up.
const backfillSetting = "backfill_rate"

// setting is a name and value.
type setting struct{ name, value string }

// settings are a session's.
type settings struct {
	values           map[string]string
	defaults         map[string]string
	report           func(name, value string)
	path             []string
	temp             string // the schema of temporary relations; "" while there are none
	location         *time.Location
	style            types.Style
	statementTimeout time.Duration
	idle, idleInTx   time.Duration           // longest silences of the client
	fetchWait        time.Duration           // of FETCH; negative for ever
	mayBe            func(role string) error // whether the user may act as a role
	mayBecome        func(user string) error // whether the session may go on as another user
	isSuperuser      func(role string) bool
	lockTimeout      time.Duration
	connection       func(Keepalive) error // tells the door how the connection is to be kept
}

// isolationSetting is the isolation level of the transaction.
const isolationSetting = "transaction_isolation"

func newSettings(cfg Config) *settings {
	s := &settings{values: map[string]string{}, defaults: map[string]string{}, report: cfg.Report, location: time.UTC,
		fetchWait: time.Second, connection: cfg.Keepalive}
	for _, d := range definitions {
		s.defaults[d.name] = d.initial
	}
	s.defaults["server_version"] = "15.0 (Leat " + cfg.Version + ")"
	s.defaults[userSetting] = cfg.User
	s.path = []string{"public"}
	for name, value := range map[string]string{"leat.user": cfg.User, "leat.session_user": cfg.User,
		"leat.database": cfg.Database, "leat.pid": strconv.Itoa(int(cfg.PID))} {
		s.defaults[name] = value
	}
	return s
}

// canonical returns the name a setting is kept by.
func canonical(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "auto_offset_reset", "ksql.streams.auto.offset.reset":
		return resetSetting
	case "emit_idle_ms":
		return idleSetting
	case "ksql.streams.cache.max.bytes.buffering", "statestore.cache.max.bytes":
		return bufferSetting
	case "time zone":
		return "timezone"
	}
	return name
}

func lookup(name string) (*definition, bool) {
	d, ok := byName()[name]
	return d, ok
}

// byName are the definitions by name.
var byName = sync.OnceValue(func() map[string]*definition {
	m := map[string]*definition{}
	for i := range definitions {
		m[definitions[i].name] = &definitions[i]
	}
	return m
})

// show returns the value of a setting as it is shown, "" when there is none.
func (s *settings) show(name string) string {
	v := s.value(name)
	if d, ok := lookup(canonical(name)); ok && d.unit != "" {
		return d.shown(v)
	}
	return v
}

// value returns the value of a setting, numbers in their own unit, "" when there is none.
func (s *settings) value(name string) string {
	name = canonical(name)
	if v, ok := s.values[name]; ok {
		return v
	}
	if name == "leat.temp" {
		return s.temp
	}
	if name == isolationSetting {
		return s.value("default_transaction_isolation")
	}
	return s.defaults[name]
}

// checked is what a value must pass; nil for any.
func (d *definition) checked() func(string) (string, error) {
	switch {
	case d.check != nil:
		return d.check
	case d.kind == boolSetting:
		return boolean
	case d.kind == intSetting || d.kind == realSetting:
		return d.number
	case d.kind == timeSetting:
		return milliseconds
	case d.kind == secondSetting:
		return seconds
	case d.kind == enumSetting:
		return oneOf(d.words...)
	}
	return nil
}

// now returns the value that the session has given to a setting, to restore it later.
func (s *settings) now(name string) setting {
	if v, ok := s.values[name]; ok {
		return setting{name, v}
	}
	return setting{name, unset}
}

// shows reports whether the client wants to see a notice, or a warning, with that code.
func (s *settings) shows(code sqlerr.Code) bool {
	switch s.show("client_min_messages") {
	case "error":
		return false
	case "warning":
		return strings.HasPrefix(string(code), "01") || strings.HasPrefix(string(code), "25")
	}
	return true
}

// chosen reports whether the session has set a setting itself.
func (s *settings) chosen(name string) bool {
	_, ok := s.values[name]
	return ok
}

// planning are the settings that a query's plan depends on: a continuous query keeps those it was made under.
var planning = []string{"timezone", "search_path", "datestyle", "intervalstyle", "bytea_output",
	"extra_float_digits", "ksql.new.query.planner.enabled",
	"ksql.persistence.default.format.key", "ksql.persistence.default.format.value",
	"ksql.persistence.wrap.single.values", "ksql.functions.collect_list.limit", "ksql.functions.collect_set.limit",
	"ksql.timestamp.throw.on.invalid", "ksql.fail.on.deserialization.error", idleSetting,
	planner.StateSetting, planner.RulesSetting, backfillSetting}

// kept returns the settings that are stored with a query.
func (s *settings) kept() map[string]string {
	out := map[string]string{}
	for _, name := range planning {
		if v := s.show(name); v != "" && (v != s.defaults[name] || name == "timezone" || name == "search_path") {
			out[name] = v
		}
	}
	return out
}

// set gives a setting a value. Names with a dot need no definition: they are the client's own, as in PostgreSQL.
func (s *settings) set(name, value string, fromUser bool) error {
	name = canonical(name)
	d, known := lookup(name)
	switch {
	case !known && strings.Contains(name, ".") && !strings.HasPrefix(name, "leat."):
		s.values[name] = value
		return nil
	case !known:
		return sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", name)
	case d.fixed && fromUser:
		return sqlerr.New(sqlerr.CantChangeRuntimeParam, "parameter %q cannot be changed", name)
	case d.fixed:
		return nil
	}
	check := d.checked()
	if name == "datestyle" {
		check = s.dates
	}
	if check != nil {
		v, err := check(value)
		if err != nil && (d.kind == intSetting || d.kind == realSetting) && d.check == nil {
			return err
		}
		if err != nil {
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter %q: %q", name, value).
				WithHint("%s", sqlerr.From(err).Message)
		}
		value = v
	}
	if name == roleSetting && value != "none" {
		if err := s.mayBe(value); err != nil {
			return err
		}
	}
	if ofConnection(name) {
		if err := s.connection(s.keepalive(name, value)); err != nil {
			return err
		}
	}
	if name == userSetting {
		if err := s.mayBecome(value); err != nil {
			return err
		}
		delete(s.values, roleSetting)
	}
	s.values[name] = value
	s.apply(name)
	return nil
}

// reset gives a setting its default again.
func (s *settings) reset(name string) error {
	name = canonical(name)
	if _, ok := lookup(name); !ok && !strings.Contains(name, ".") {
		return sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter %q", name)
	}
	delete(s.values, name)
	s.apply(name)
	return nil
}

func (s *settings) resetAll() {
	for name := range s.values {
		delete(s.values, name)
		s.apply(name)
	}
}

// restore takes back what SET LOCAL changed.
func (s *settings) restore(local []setting) {
	for i := len(local) - 1; i >= 0; i-- {
		if local[i].value == unset {
			delete(s.values, local[i].name)
		} else {
			s.values[local[i].name] = local[i].value
		}
		s.apply(local[i].name)
	}
}

// unset stands for the value of a setting the session had not set. No client can send it.
const unset = "\x00"

// apply makes a changed setting count.
func (s *settings) apply(name string) {
	value := s.value(name)
	switch name {
	case "timezone":
		if loc, err := types.LoadLocation(value); err == nil {
			s.location = loc
		}
	case "statement_timeout":
		ms, _ := strconv.Atoi(value) // checked when it was set
		s.statementTimeout = time.Duration(ms) * time.Millisecond
	case "idle_in_transaction_session_timeout":
		ms, _ := strconv.Atoi(value)
		s.idleInTx = time.Duration(ms) * time.Millisecond
	case "idle_session_timeout":
		ms, _ := strconv.Atoi(value)
		s.idle = time.Duration(ms) * time.Millisecond
	case fetchWaitSetting:
		ms, _ := strconv.Atoi(value)
		s.fetchWait = time.Duration(ms) * time.Millisecond
	case "lock_timeout":
		ms, _ := strconv.Atoi(value)
		s.lockTimeout = time.Duration(ms) * time.Millisecond
	case roleSetting:
		if value == "none" {
			value = s.defaults["leat.session_user"]
		}
		s.defaults["leat.user"], s.defaults["is_superuser"] = value, "off"
		if s.isSuperuser(value) {
			s.defaults["is_superuser"] = "on"
		}
		s.report("is_superuser", s.defaults["is_superuser"])
		return
	case userSetting:
		s.defaults["leat.session_user"] = value
		s.apply(roleSetting)
	case keepIdle, keepInterval, keepCount, keepTimeout:
		_ = s.connection(s.keepalive("", "")) // an error means that the client is gone: set has checked the rest
	case "search_path":
		s.path = planner.SearchPath(value)
		if s.temp != "" {
			s.path = append([]string{s.temp}, s.path...)
		}
	}
	switch name {
	case "datestyle", "intervalstyle", "bytea_output", "extra_float_digits":
		s.style = types.ReadStyle(s.value)
	}
	if d, ok := lookup(name); ok && d.report {
		s.report(reportName(name), value)
	}
}

func reportName(name string) string {
	if n, ok := reportNames[name]; ok {
		return n
	}
	return name
}

// reportAll tells the client every parameter that is reported.
func (s *settings) reportAll() {
	for _, d := range definitions {
		if d.report {
			s.report(reportName(d.name), s.show(d.name))
		}
	}
}

// names returns all settings there are and those the session made up, in order.
func (s *settings) names() []string {
	seen := map[string]bool{}
	var out []string
	for _, d := range definitions {
		seen[d.name] = true
		out = append(out, d.name)
	}
	for name := range s.values {
		if !seen[name] {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// runSet runs SET and RESET.
func (s *Session) runSet(st *ast.Set) (Result, error) {
	r, err := s.setOne(st)
	for _, also := range st.Also {
		if err == nil {
			_, err = s.setOne(also)
		}
	}
	return r, err
}

func (s *Session) setOne(st *ast.Set) (Result, error) {
	name := canonical(st.Name)
	local := st.Local || name == "transaction_read_only" || name == isolationSetting // which end with their transaction
	if name == isolationSetting && s.tx.work != nil {
		return nil, sqlerr.At(st.Pos(), sqlerr.ActiveSQLTransaction,
			"SET TRANSACTION ISOLATION LEVEL must be called before any query")
	}
	if st.Reset && name == "all" {
		if s.Stale() {
			if err := s.mayMove(readSetting); err != nil {
				return nil, sqlerr.Locate(err, st.Pos())
			}
		}
		s.set.resetAll()
		return done("RESET"), nil
	}
	tag := "SET"
	if st.Reset {
		tag = "RESET"
	}
	err := s.assign(name, local, func() error {
		if st.Reset || st.Values == nil {
			return s.set.reset(name)
		}
		var values []string
		for _, x := range st.Values {
			values = append(values, settingText(x))
		}
		return s.set.set(name, strings.Join(values, ", "), true)
	})
	if err != nil {
		return nil, sqlerr.Locate(err, st.Pos())
	}
	return done(tag), nil
}

// assign changes a setting so that the end of the transaction takes back what it has to.
func (s *Session) assign(name string, local bool, change func() error) error {
	if err := s.mayMove(name); err != nil {
		return err
	}
	before := s.set.now(name)
	if err := change(); err != nil {
		return err
	}
	switch {
	case s.tx.explicit && local: // ROLLBACK takes back every SET of the block, COMMIT only those that are LOCAL
		s.tx.local = append(s.tx.local, before)
	case !local:
		s.tx.set = append(s.tx.set, before)
	default:
		s.set.restore([]setting{before})
		s.warn(sqlerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks")
	}
	return nil
}

// settingText returns the text of a value in SET: a literal or a bare word.
func settingText(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Lit:
		return x.Text
	case *ast.ColRef:
		return strings.Join(x.Name, ".")
	case *ast.Unary:
		return x.Op + settingText(x.X)
	case *ast.Cast:
		return settingText(x.X)
	case *ast.Default:
		return "default"
	}
	return ""
}

// list gives the settings as pg_settings shows them.
func (s *settings) list() []fn.Setting {
	out := make([]fn.Setting, 0, len(definitions))
	for _, d := range definitions {
		_, chosen := s.values[d.name]
		one := fn.Setting{Name: reportName(d.name), Value: s.value(d.name), Initial: s.defaults[d.name], Fixed: d.fixed,
			Chosen: chosen, Kind: string(d.kind), Words: d.words, Doc: d.doc, Unit: d.unit, Who: d.context,
			Category: d.category, Lowest: d.lowest, Highest: d.highest}
		switch d.kind {
		case "":
			one.Kind = "string"
		case timeSetting:
			one.Kind, one.Unit = string(intSetting), "ms"
		case secondSetting:
			one.Kind, one.Unit = string(intSetting), "s"
		}
		out = append(out, one)
	}
	for name, value := range s.values {
		if _, known := lookup(name); !known {
			out = append(out, fn.Setting{Name: name, Value: value, Chosen: true, Kind: "string", Doc: "the client's own"})
		}
	}
	slices.SortFunc(out, func(a, b fn.Setting) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return out
}
