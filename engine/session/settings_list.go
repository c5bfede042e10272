package session

import (
	"slices"

	"github.com/leatdb/leat/planner"
)

// settingKind says what values a setting takes, in the words of pg_settings.
type settingKind string

// The kinds of settings; "" takes any text.
const (
	boolSetting settingKind = "bool"
	intSetting  settingKind = "integer"
	timeSetting settingKind = "time" // an integer of milliseconds
	enumSetting settingKind = "enum"

	secondSetting settingKind = "seconds" // an integer of seconds
)

// isolationLevels are the levels of isolation; the lowest is the same as the one above it, as in PostgreSQL.
var isolationLevels = []string{"serializable", "repeatable read", "read committed", "read uncommitted"}

// definitions are the settings there are. Those that only satisfy clients say so: they steer what PostgreSQL has and
// Leat does not, and no result depends on them.
var definitions = []definition{
	{name: "application_name", report: true, doc: "shown in lists of sessions"},
	{name: resetSetting, initial: "latest", kind: enumSetting, words: []string{"earliest", "latest"},
		doc: "where push queries, and continuous queries when it is set, begin to read"},
	{name: backfillSetting, initial: "0", check: rate,
		doc: "how many rows a second queries made under it take in while they catch up; 0 for as many as there is time for"},
	{name: "bytea_output", initial: "hex", kind: enumSetting, words: []string{"escape", "hex"},
		doc: "how bytea is printed"},
	{name: bufferSetting, initial: "10000000", kind: intSetting,
		doc: "0 makes push queries show every change of its own; else changes that come together are shown together"},
	{name: "client_encoding", initial: "UTF8", check: encoding, report: true, doc: "the client's character set"},
	{name: "client_min_messages", initial: "notice", kind: enumSetting, words: []string{"debug5", "debug4", "debug3",
		"debug2", "debug1", "log", "notice", "warning", "error"}, doc: "which notices the client is sent"},
	{name: "datestyle", initial: "ISO, MDY", report: true, doc: "how dates are printed"},
	{name: "default_transaction_isolation", initial: "read committed", kind: enumSetting, words: isolationLevels,
		doc: "what transactions see of others unless they say it themselves"},
	{name: "default_transaction_read_only", initial: "off", kind: boolSetting, report: true,
		doc: "whether transactions may only read"},
	{name: idleSetting, initial: "0", kind: timeSetting,
		doc: "how long a stream may be idle before its time goes on with the clock, for queries made under it"},
	{name: "extra_float_digits", initial: "1", kind: intSetting,
		doc: "how many digits of a number with a fraction are printed: above 0 as many as tell it from others"},
	{name: "idle_in_transaction_session_timeout", initial: "0", kind: intSetting,
		doc: "longest time a client may be silent in a transaction"},
	{name: "idle_session_timeout", initial: "0", kind: intSetting,
		doc: "longest time a client may be silent outside of a transaction"},
	{name: "in_hot_standby", kind: boolSetting, initial: "off", report: true, fixed: true, doc: "always off"},
	{name: "integer_datetimes", kind: boolSetting, initial: "on", report: true, fixed: true, doc: "always on"},
	{name: "intervalstyle", initial: "postgres", kind: enumSetting, report: true,
		words: []string{"postgres", "postgres_verbose", "sql_standard", "iso_8601"},
		doc:   "how intervals are printed"},
	{name: "is_superuser", kind: boolSetting, initial: "on", report: true, fixed: true,
		doc: "whether the user may do everything"},
	{name: "ksql.fail.on.deserialization.error", initial: "off", check: boolean,
		doc: "whether a query fails that reads a record which cannot be decoded"},
	{name: "ksql.functions.collect_list.limit", doc: "how many values collect_list keeps in ksqlDB's statements"},
	{name: "ksql.functions.collect_set.limit", doc: "how many values collect_set keeps in ksqlDB's statements"},
	{name: "ksql.new.query.planner.enabled", initial: "off", kind: boolSetting,
		doc: "whether CREATE STREAM ... AS may leave out the key"},
	{name: "ksql.output.topic.name.prefix", doc: "what the topics of CREATE ... AS begin with"},
	{name: "ksql.persistence.default.format.key", doc: "the format of keys where a statement names none"},
	{name: "ksql.persistence.default.format.value", doc: "the format of values where a statement names none"},
	{name: "ksql.persistence.wrap.single.values", initial: "on", kind: boolSetting,
		doc: "whether a single column is written as a field of an object"},
	{name: "ksql.query.pull.limit.clause.enabled", initial: "on", kind: boolSetting,
		doc: "whether queries that are run once may have LIMIT"},
	{name: "ksql.query.pull.range.scan.enabled", initial: "on", kind: boolSetting,
		doc: "whether they may read a range of keys when they may not read whole tables"},
	{name: "ksql.query.pull.table.scan.enabled", initial: "on", kind: boolSetting,
		doc: "whether queries that are run once may read whole tables"},
	{name: "ksql.timestamp.throw.on.invalid", initial: "off", check: boolean,
		doc: "whether a query fails that reads a record whose event time cannot be read"},
	{name: "lc_collate", initial: "C", fixed: true, doc: "how text is ordered: by its bytes"},
	{name: "lc_ctype", initial: "C", fixed: true, doc: "how letters are told from others"},
	{name: readSetting, initial: "fresh", kind: enumSetting, words: []string{"fresh", "stale"},
		doc: "whether queries are answered by the node that leads, over all that was acknowledged, or by this one as it is"},
	{name: fetchWaitSetting, initial: "1000", check: millisecondsOrNever,
		doc: "longest time FETCH waits for rows of a push query before it gives what it has; -1 waits for all it asks for"},
	{name: planner.RulesSetting, check: ruleNames,
		doc: "rules of the optimiser to do without; answers stay the same"},
	{name: planner.JoinRowsSetting, initial: "20000", kind: intSetting,
		doc: "how many rows a query must join before the order of its joins is chosen by what the tables hold"},
	{name: "lock_timeout", initial: "0", kind: intSetting,
		doc: "longest time to wait for a row that another transaction has changed"},
	{name: "max_identifier_length", kind: intSetting, initial: "63", fixed: true, doc: "longest name, in bytes"},
	{name: "password_encryption", initial: "scram-sha-256", kind: enumSetting, words: []string{"scram-sha-256"},
		doc: "how clients hash passwords"},
	{name: roleSetting, initial: "none", doc: "the role whose privileges count in place of the user's"},
	{name: "search_path", initial: "public", doc: "schemas in which names are looked for"},
	{name: "server_encoding", initial: "UTF8", report: true, fixed: true, doc: "the server's character set"},
	{name: "server_version", report: true, fixed: true, doc: "the PostgreSQL whose behaviour is followed"},
	{name: "server_version_num", kind: intSetting, initial: "150000", fixed: true, doc: "the same as a number"},
	{name: userSetting, report: true, doc: "the user"},
	{name: "ssl_renegotiation_limit", initial: "0", kind: intSetting, doc: "for clients that set it"},
	{name: "standard_conforming_strings", initial: "on", kind: enumSetting, words: []string{"on"}, report: true,
		doc: "backslashes are plain"},
	{name: planner.StateSetting, initial: "0", check: memory,
		doc: "how much memory the state of queries made under it may take before what is on disk is evicted; 0: no limit"},
	{name: "statement_timeout", initial: "0", kind: intSetting, doc: "longest time a statement may take"},
	{name: "synchronous_commit", initial: "on", kind: enumSetting,
		words: []string{"local", "remote_write", "remote_apply", "on", "off"}, doc: "a commit is always on disk"},
	{name: "timezone", initial: "UTC", check: zone, report: true, doc: "the session's time zone"},
	{name: isolationSetting, initial: "read committed", kind: enumSetting, words: isolationLevels,
		doc: "what this transaction sees of others"},
	{name: "transaction_read_only", initial: "off", kind: boolSetting, doc: "whether this transaction may only read"},
}

// facts are settings of the server that clients read and nobody sets.
func facts() []definition {
	var ds []definition
	for _, n := range []definition{
		{name: "block_size", initial: "8192", kind: intSetting, doc: "PostgreSQL's, for clients that compute sizes"},
		{name: "max_connections", initial: "10000", kind: intSetting, doc: "how many sessions there may be"},
		{name: "max_function_args", initial: "100", kind: intSetting, doc: "how many arguments a function may have"},
		{name: "max_index_keys", initial: "32", kind: intSetting, doc: "PostgreSQL's, for clients that read it"},
		{name: "max_prepared_transactions", initial: "0", kind: intSetting, doc: "there is no PREPARE TRANSACTION"},
		{name: "max_replication_slots", initial: "0", kind: intSetting, doc: "there is no replication of PostgreSQL's"},
		{name: "max_wal_senders", initial: "0", kind: intSetting, doc: "there is no replication of PostgreSQL's"},
		{name: "wal_level", initial: "replica", kind: enumSetting, words: []string{"minimal", "replica", "logical"},
			doc: "there is no logical decoding: read changes from the topics, with Kafka's clients"},
		{name: "autovacuum", initial: "off", kind: boolSetting, doc: "there is nothing to vacuum"},
		{name: "data_checksums", initial: "on", kind: boolSetting, doc: "records carry checksums"},
		{name: "fsync", initial: "on", kind: boolSetting, doc: "what is acknowledged is on disk"},
		{name: "hot_standby", initial: "on", kind: boolSetting, doc: "PostgreSQL's, for clients that read it"},
		{name: "shared_preload_libraries", doc: "there are none"},
		{name: "config_file", doc: "not a file of PostgreSQL's"},
		{name: "data_directory", doc: "not one of PostgreSQL's"},
		{name: "external_pid_file", doc: "there is none"},
		{name: "hba_file", doc: "there is none"},
		{name: "ident_file", doc: "there is none"},
		{name: "event_source", doc: "there is none"},
		{name: "bonjour_name", doc: "there is none"},
		{name: "log_timezone", initial: "UTC", doc: "the zone of the log's times"},
		{name: "segment_size", initial: "131072", kind: intSetting, doc: "PostgreSQL's, for clients that read it"},
	} {
		n.fixed = true
		ds = append(ds, n)
	}
	return ds
}

func init() { definitions = complete(slices.Concat(definitions, keeps(), facts())) }
